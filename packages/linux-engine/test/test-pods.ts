import { randomBytes } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type PodSandboxConfig, PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import type { Journal, Json, SandboxRecord, StepRecord, Task } from "@keelson/runtime-core/ports";

export const newId = (): string => randomBytes(32).toString("hex");

/** A pod's configuration as crictl would send it. */
export function podConfig(init: MessageInitShape<typeof PodSandboxConfigSchema> = {}): PodSandboxConfig {
  return create(PodSandboxConfigSchema, {
    metadata: { name: "web", namespace: "default", uid: "0f1e2d", attempt: 0 },
    ...(init as object),
  });
}

/** A task that nobody cancels, with the stages that it went through. */
export function newTask(signal: AbortSignal = new AbortController().signal): Task & { readonly stages: string[] } {
  const stages: string[] = [];
  const stage: Task["stage"] = (what, of = "") => {
    stages.push(`${what} ${typeof of === "function" ? of() : of}`.trimEnd());
  };
  return { signal, stages, stage };
}

/** A record and its journal in memory. `copy` is what the next life of the runtime finds. */
export interface TestRecord {
  readonly journal: Journal;
  record(): SandboxRecord;
}

export function newRecord(
  config: PodSandboxConfig,
  id: string = newId(),
  steps: readonly StepRecord[] = [],
): TestRecord {
  let recorded = [...steps];
  const journal: Journal = {
    get steps() {
      return recorded;
    },
    plan: async (name, plan) => {
      recorded = [...recorded.filter((one) => one.name !== name), { name, plan: copy(plan) }];
    },
    facts: async (name, facts) => {
      recorded = recorded.map((one) => (one.name === name ? { ...one, facts: copy(facts) } : one));
    },
    forget: async (name) => {
      recorded = recorded.filter((one) => one.name !== name);
    },
    flush: async () => {},
  };
  return { journal, record: () => ({ id, config, runtimeHandler: "", createdAtNs: 1n, steps: recorded }) };
}

/** Plans and facts must survive as the record keeps them. */
const copy = (value: Json): Json => JSON.parse(JSON.stringify(value)) as Json;
