import type { Core } from "../core.ts";
import { untilEnd, type Waiter, waitFor } from "../joins/work.ts";
import { Stage } from "../stage.ts";
import { isRunning } from "../state/states.ts";
import { workKeys } from "./work-keys.ts";

/** Ends a container that runs or is being started; returns when its end is recorded. Any other is left as it is. */
export async function stopContainer(core: Core, id: string, graceMs: number, waiter: Waiter): Promise<void> {
  const start = core.works.running(workKeys.startContainer(id));
  await untilEnd(start, new Stage("waiting until the start has ended", `of container ${id}`), waiter);
  const record = core.containers.get(id);
  if (record === undefined || !isRunning(record)) return;
  await waitFor(core.stops.stop(id, graceMs), waiter);
}
