import { setTimeout as delay } from "node:timers/promises";

/** Waits until a condition of the machine holds, which nothing tells: it is asked again and again, with a pause. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}
