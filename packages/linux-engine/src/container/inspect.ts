import { toJson } from "@bufbuild/protobuf";
import { ContainerConfigSchema } from "@keelson/cri-api/v1";
import type { ContainerRecord, Json } from "@keelson/runtime-core/ports";
import { readBundleSpec } from "./read-bundle.ts";
import { recordedBundle, recordedRun } from "./recorded-steps.ts";
import type { RunningContainer } from "./running-containers.ts";

/** What verbose ContainerStatus shows, in the form that tools know from containerd: one key `info`. */
export async function inspectContainer(
  record: ContainerRecord,
  running: RunningContainer | undefined,
): Promise<Record<string, Json>> {
  const bundle = recordedBundle(record.steps);
  const config = toJson(ContainerConfigSchema, record.config, { useProtoFieldName: true, enumAsInteger: true }) as Json;
  return {
    info: {
      sandboxID: record.sandboxId,
      pid: running?.init?.isRunning() === true ? running.init.pid : 0,
      removing: false,
      snapshotKey: record.id,
      snapshotter: "overlayfs",
      runtimeType: "keelson",
      runtimeOptions: { binary: recordedRun(record.steps)?.plan.runtime.path ?? "" },
      config,
      runtimeSpec: bundle === undefined ? null : ((await readBundleSpec(bundle.plan.bundle)) ?? null),
      reported: bundle?.facts?.reported ?? [],
    },
  };
}
