import { spawn } from "node:child_process";
import { once } from "node:events";

/** Traces a process, its threads and all that it starts into a file, until it is detached. */
export async function attachStrace(pid: number, file: string): Promise<{ detach(): Promise<void> }> {
  const args = ["-f", "-ttt", "-T", "-y", "-Y", "-s", "80", "-o", file, "-p", String(pid)];
  const child = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "close");
  const attached = Promise.withResolvers<void>();
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (said.includes(" attached")) attached.resolve();
  });
  void ended.then(
    () => attached.reject(new Error(`strace ended: ${said}`)),
    (error: unknown) => attached.reject(error),
  );
  await attached.promise;
  return {
    async detach() {
      child.kill("SIGINT");
      await ended;
    },
  };
}
