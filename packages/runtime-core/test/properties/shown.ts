import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import type { Core } from "../../src/core.ts";
import { visibleContainers, visibleSandboxes } from "../../src/lookup.ts";
import type { ContainerRecord, SandboxRecord } from "../../src/ports/index.ts";
import { containerStatusMessage } from "../../src/rpc/container-status-message.ts";
import { sandboxState } from "../../src/state/states.ts";

export type StateName = "READY" | "NOTREADY" | "CREATED" | "RUNNING" | "EXITED";

/** An object as lists and statuses show it. */
export interface Shown {
  readonly id: string;
  readonly kind: "sandbox" | "container";
  /** The sandbox that it is or stands in. */
  readonly sandboxId: string;
  /** Name and attempt: what its caller knows it by, with `sandboxId` for a container. */
  readonly name: string;
  /** Which configuration it has. */
  readonly variant: string;
  readonly state: StateName;
  readonly createdAt: bigint;
  readonly startedAt: bigint;
  readonly finishedAt: bigint;
  readonly exitCode: number;
  readonly reason: string;
  readonly limit: bigint;
  /** Its create has failed, and not even that is recorded: a restart reverts it. */
  readonly unfinished: boolean;
}

const ranks: Readonly<Record<StateName, number>> = { READY: 1, NOTREADY: 2, CREATED: 1, RUNNING: 2, EXITED: 3 };

/** States only rise; what is gone is 4. */
export const rankOf = (shown: Pick<Shown, "state"> | undefined): number =>
  shown === undefined ? 4 : ranks[shown.state];

const containerStates: Readonly<Record<number, StateName>> = {
  [ContainerState.CONTAINER_CREATED]: "CREATED",
  [ContainerState.CONTAINER_RUNNING]: "RUNNING",
  [ContainerState.CONTAINER_EXITED]: "EXITED",
};

export const stateOfSandbox = (state: PodSandboxState | undefined): StateName =>
  state === PodSandboxState.SANDBOX_READY ? "READY" : "NOTREADY";

export const stateOfContainer = (state: ContainerState | undefined): StateName => {
  const name = state === undefined ? undefined : containerStates[state];
  if (name === undefined) throw new Error(`container state ${state}`);
  return name;
};

/** All objects that a core shows now, by ID. */
export function shownBy(core: Core): ReadonlyMap<string, Shown> {
  const sandboxes = visibleSandboxes(core).map((record) => [record.id, ofSandbox(record)] as const);
  const containers = visibleContainers(core).map((record) => [record.id, ofContainer(record)] as const);
  return new Map([...sandboxes, ...containers]);
}

// records never change
const seen = new WeakMap<SandboxRecord | ContainerRecord, Shown>();

function ofSandbox(record: SandboxRecord): Shown {
  const known = seen.get(record);
  if (known !== undefined) return known;
  const { id, config, createdAtNs: createdAt } = record;
  const shown: Shown = {
    id,
    kind: "sandbox",
    sandboxId: id,
    name: `${config.metadata?.name}/${config.metadata?.attempt}`,
    variant: config.labels.variant ?? "",
    state: stateOfSandbox(sandboxState(record)),
    createdAt,
    startedAt: 0n,
    finishedAt: 0n,
    exitCode: 0,
    reason: "",
    limit: 0n,
    unfinished: record.facts === undefined && record.failed === undefined,
  };
  seen.set(record, shown);
  return shown;
}

function ofContainer(record: ContainerRecord): Shown {
  const known = seen.get(record);
  if (known !== undefined) return known;
  const { state, createdAt = 0n, startedAt = 0n, finishedAt = 0n, ...status } = containerStatusMessage(record);
  const { id, sandboxId, config } = record;
  const shown: Shown = {
    id,
    kind: "container",
    sandboxId,
    name: `${config.metadata?.name}/${config.metadata?.attempt}`,
    variant: config.labels.script ?? "",
    state: stateOfContainer(state),
    createdAt,
    startedAt,
    finishedAt,
    exitCode: status.exitCode ?? 0,
    reason: status.reason ?? "",
    limit: config.linux?.resources?.memoryLimitInBytes ?? 0n,
    unfinished: record.facts === undefined && record.failed === undefined,
  };
  seen.set(record, shown);
  return shown;
}

/** An ID as a trace shows it. */
export const short = (id: string): string => id.slice(0, 6);
