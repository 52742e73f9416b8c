import { failedPrecondition } from "@keelson/cri-api/errors";
import type { Core } from "../core.ts";
import { getContainer } from "../lookup.ts";
import type { ContainerRecord } from "../ports/index.ts";
import { containerStateName } from "../state/states.ts";

/**
 * A container that runs, by its ID or an unambiguous beginning of it.
 * @param what what is to be done in it, for the message
 * @throws NOT_FOUND; FAILED_PRECONDITION naming its state; INVALID_ARGUMENT
 */
export function runningContainer(core: Core, id: string, what: string): ContainerRecord {
  const container = getContainer(core, id);
  const state = containerStateName(container);
  if (state !== "RUNNING") {
    throw failedPrecondition(`${what} container ${container.id}: its state is ${state}, want RUNNING`);
  }
  return container;
}
