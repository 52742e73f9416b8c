import { invalidArgument, notFound, quote } from "@keelson/cri-api/errors";
import type { Core } from "./core.ts";
import type { ContainerRecord, SandboxRecord } from "./ports/index.ts";

interface Identified {
  readonly id: string;
}

/** All sandboxes that exist for a caller. */
export function visibleSandboxes(core: Core): readonly SandboxRecord[] {
  return core.sandboxes.all().filter(({ id }) => !core.sandboxJoins.hides(id));
}

/** All containers that exist for a caller. */
export function visibleContainers(core: Core): readonly ContainerRecord[] {
  return core.containers.all().filter(({ id }) => !core.containerJoins.hides(id));
}

/**
 * A sandbox by its ID or an unambiguous beginning of it; undefined when there is none.
 * @throws INVALID_ARGUMENT for "" and for a beginning of two IDs
 */
export function findSandbox(core: Core, id: string): SandboxRecord | undefined {
  const exact = core.sandboxes.get(id);
  if (exact !== undefined) return core.sandboxJoins.hides(id) ? undefined : exact;
  return byPrefix(visibleSandboxes(core), id, "pod_sandbox_id");
}

/** As {@link findSandbox}, for containers. */
export function findContainer(core: Core, id: string): ContainerRecord | undefined {
  const exact = core.containers.get(id);
  if (exact !== undefined) return core.containerJoins.hides(id) ? undefined : exact;
  return byPrefix(visibleContainers(core), id, "container_id");
}

const gone = { hint: "it may have been removed: list what there is" };

/** @throws NOT_FOUND; as {@link findSandbox} */
export function getSandbox(core: Core, id: string): SandboxRecord {
  const record = findSandbox(core, id);
  if (record === undefined) throw notFound(`find sandbox ${quote(id, 80)}: there is none`, gone);
  return record;
}

/** @throws NOT_FOUND; as {@link findContainer} */
export function getContainer(core: Core, id: string): ContainerRecord {
  const record = findContainer(core, id);
  if (record === undefined) throw notFound(`find container ${quote(id, 80)}: there is none`, gone);
  return record;
}

/**
 * What no ID can be.
 * @throws INVALID_ARGUMENT naming the field
 */
export function checkId(id: string, field: "pod_sandbox_id" | "container_id"): void {
  if (id === "") throw invalidArgument(`${field} is empty`, { hint: "name an ID" });
  if (id.length > 1024) throw invalidArgument(`${field} is too long: ${id.length} characters`);
}

function byPrefix<R extends Identified>(
  records: readonly R[],
  prefix: string,
  field: Parameters<typeof checkId>[1],
): R | undefined {
  checkId(prefix, field);
  if (prefix.length >= 64) return undefined;
  const [first, second] = records.filter(({ id }) => id.startsWith(prefix));
  if (first !== undefined && second !== undefined) {
    throw invalidArgument(`${field} ${quote(prefix)} is the beginning of ${first.id} and of ${second.id}`, {
      hint: "write more of the ID",
    });
  }
  return first;
}
