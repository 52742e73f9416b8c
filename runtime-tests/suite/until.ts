import { setImmediate } from "node:timers/promises";

/** Asks again until it is so. The test's own time limit ends it. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await setImmediate();
}
