import { setTimeout as delay } from "node:timers/promises";

/** Waits until `holds` says true. @throws what it throws, and after `withinMs` that it does not hold */
export async function until(what: string, withinMs: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms`);
    await delay(10);
  }
}
