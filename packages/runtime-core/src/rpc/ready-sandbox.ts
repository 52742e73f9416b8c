import { failedPrecondition } from "@keelson/cri-api/errors";
import type { Core } from "../core.ts";
import { getSandbox } from "../lookup.ts";
import type { SandboxRecord } from "../ports/index.ts";
import { isReady, sandboxStateName } from "../state/states.ts";

/**
 * A READY sandbox, by its ID or an unambiguous beginning of it.
 * @param what what is to be done with it, for the message
 * @throws NOT_FOUND; FAILED_PRECONDITION naming its state; INVALID_ARGUMENT
 */
export function readySandbox(core: Core, id: string, what: string): SandboxRecord {
  const sandbox = getSandbox(core, id);
  if (!isReady(sandbox)) {
    throw failedPrecondition(`${what} sandbox ${sandbox.id}: its state is ${sandboxStateName(sandbox)}, want READY`);
  }
  return sandbox;
}
