import { ContainerEventResponseSchema, type ContainerEventType } from "@keelson/cri-api/v1";
import type { Core } from "../core.ts";
import { visibleContainers } from "../lookup.ts";
import { containerStatusMessage } from "../rpc/container-status-message.ts";
import { sandboxStatusMessage } from "../rpc/sandbox-status-message.ts";
import { encodeOnce } from "./encoded-message.ts";
import type { BusEvent } from "./event-bus.ts";
import { type Passed, passedByContainer, passedBySandbox, untold } from "./transitions.ts";

interface Known {
  readonly sandboxId: string;
  readonly passed: Passed;
}

/**
 * Tells subscribers what happens to objects, once each and in the order in which it became visible.
 *
 * Life: `remember` takes what the last life left as known; then every change of a record and every object that becomes
 * visible is looked at, and what has not been told of it yet is published. An object that is hidden tells nothing: when
 * it is claimed, all that it has passed is told at once. Nothing here can fail a change that is already committed.
 */
export class Teller {
  readonly #core: Core;
  readonly #known = new Map<string, Known>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** Takes every object that was visible in the last life as told. */
  remember(): void {
    for (const record of this.#core.sandboxes.all().filter(isFinished)) {
      this.#known.set(record.id, { sandboxId: record.id, passed: passedBySandbox(record) });
    }
    for (const record of this.#core.containers.all().filter(isFinished)) {
      this.#known.set(record.id, { sandboxId: record.sandboxId, passed: passedByContainer(record) });
    }
  }

  sandboxChanged(id: string): void {
    const { sandboxes, sandboxJoins } = this.#core;
    const record = sandboxes.get(id);
    const visible = record !== undefined && this.#isShown(record) && !sandboxJoins.hides(id);
    this.#tell(id, visible ? { sandboxId: id, passed: passedBySandbox(record) } : undefined);
  }

  containerChanged(id: string): void {
    const { containers, containerJoins } = this.#core;
    const record = containers.get(id);
    const visible = record !== undefined && this.#isShown(record) && !containerJoins.hides(id);
    this.#tell(id, visible ? { sandboxId: record.sandboxId, passed: passedByContainer(record) } : undefined);
  }

  /** At the start what was cut off is being reverted. Later it is a create whose failure could not be recorded either. */
  #isShown(record: Made): boolean {
    return isFinished(record) || this.#core.phase !== "starting";
  }

  #tell(id: string, now: Known | undefined): void {
    const before = this.#known.get(id);
    if (now === undefined) this.#known.delete(id);
    else this.#known.set(id, now);
    const sandboxId = now?.sandboxId ?? before?.sandboxId ?? id;
    for (const type of untold(before?.passed, now?.passed)) {
      try {
        this.#core.events.publish(() => this.#make(id, sandboxId, type));
      } catch (error) {
        this.#core.log.error("event could not be made", { id, type, error });
      }
    }
  }

  #make(id: string, sandboxId: string, type: ContainerEventType): BusEvent {
    const core = this.#core;
    const sandbox = core.sandboxJoins.hides(sandboxId) ? undefined : core.sandboxes.get(sandboxId);
    const containers = visibleContainers(core).filter((container) => container.sandboxId === sandboxId);
    return encodeOnce(ContainerEventResponseSchema, {
      containerId: id,
      containerEventType: type,
      createdAt: core.clock.now(),
      ...(sandbox && { podSandboxStatus: sandboxStatusMessage(sandbox) }),
      containersStatuses: containers.map(containerStatusMessage),
    });
  }
}

interface Made {
  readonly facts?: unknown;
  readonly failed?: string;
}

/** False for a create in flight, and for one that was cut off. */
function isFinished(record: Made): boolean {
  return record.facts !== undefined || record.failed !== undefined;
}
