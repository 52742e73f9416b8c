import process from "node:process";

/** Rejects at a Ctrl-C or a SIGTERM, so that what was begun is given back in order. */
export function interruption(): Promise<never> {
  const interrupted = Promise.withResolvers<never>();
  interrupted.promise.catch(() => undefined); // it may come before anybody waits for it
  const interrupt = (signal: NodeJS.Signals): void => interrupted.reject(new Error(`interrupted by ${signal}`));
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  return interrupted.promise;
}
