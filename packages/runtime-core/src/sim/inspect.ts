import { toJson } from "@bufbuild/protobuf";
import { ContainerConfigSchema, PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import type { ContainerRecord, Json, SandboxRecord, StepRecord } from "../ports/index.ts";

const asInfo = { useProtoFieldName: true, enumAsInteger: true } as const;

/**
 * What verbose ContainerStatus shows, under the keys that tools know from containerd. Nothing of the configuration is
 * lost: what the simulated engine does not act upon is shown here. There is no process, so `pid` is 0.
 */
export function inspectContainer(record: ContainerRecord): Json {
  const { config, facts, image } = record;
  return {
    simulated: true,
    pid: 0,
    sandboxID: record.sandboxId,
    removing: false,
    snapshotKey: record.id,
    snapshotter: "simulated",
    runtimeType: "simulated",
    runtimeOptions: null,
    image: { id: image.id, ref: image.ref },
    steps: shownSteps(record.steps),
    config: toJson(ContainerConfigSchema, config, asInfo),
    runtimeSpec: {
      ociVersion: "1.0.2",
      process: {
        args: [...config.command, ...config.args],
        cwd: config.workingDir === "" ? "/" : config.workingDir,
        env: config.envs.map(({ key, value }) => `${key}=${new TextDecoder().decode(value)}`),
        terminal: config.tty,
        user: shownUser(facts),
      },
      mounts: (facts?.mounts ?? []).map(({ containerPath, hostPath }) => ({
        destination: containerPath,
        source: hostPath,
      })),
    },
  };
}

/** As {@link inspectContainer}, for verbose PodSandboxStatus. */
export function inspectSandbox(record: SandboxRecord): Json {
  const { config, facts, runtimeHandler } = record;
  const [ip = "", ...additional] = facts?.ips ?? [];
  return {
    simulated: true,
    pid: 0,
    processStatus: "",
    netNamespaceClosed: record.stoppedAtNs !== undefined,
    image: "",
    snapshotKey: "",
    snapshotter: "",
    runtimeHandler,
    runtimeType: "simulated",
    runtimeOptions: null,
    steps: shownSteps(record.steps),
    config: toJson(PodSandboxConfigSchema, config, asInfo),
    runtimeSpec: { ociVersion: "1.0.2", hostname: config.hostname },
    sandboxMetadata: {
      Version: "v1",
      Metadata: { ID: record.id, IP: ip, AdditionalIPs: additional, RuntimeHandler: runtimeHandler },
    },
  };
}

function shownSteps(steps: readonly StepRecord[]): Json {
  return steps.map(({ name, plan, facts }) => ({ name, plan, facts: facts ?? null }));
}

function shownUser(facts: ContainerRecord["facts"]): Json {
  const { uid = 0n, gid = 0n, supplementalGroups = [] } = facts?.user?.linux ?? {};
  return { uid: Number(uid), gid: Number(gid), additionalGids: supplementalGroups.map(Number) };
}
