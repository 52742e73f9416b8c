import { toJson } from "@bufbuild/protobuf";
import { PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import type { Json, SandboxRecord } from "@keelson/runtime-core/ports";
import { podCgroup } from "../cgroup/pod-cgroup.ts";
import type { Reported } from "../spec/host-facts.ts";
import { isPinned } from "../sys/namespace-pin.ts";
import { recordedInit, recordedNetwork, recordedPins, sandboxParts } from "./sandbox-parts.ts";
import type { SandboxDeps } from "./sandbox-tools.ts";

/**
 * What verbose PodSandboxStatus shows, in the form that tools know from containerd: one key `info`. `pid` is 0 but
 * where process IDs are shared: no other process holds the pod's namespaces; their paths are in `runtimeSpec`.
 */
export async function inspectSandbox(
  record: SandboxRecord,
  deps: SandboxDeps,
  reported: readonly Reported[],
): Promise<Record<string, Json>> {
  const pins = recordedPins(record)?.plan.pins;
  const network = recordedNetwork(record);
  const init = recordedInit(record)?.facts;
  const parts = sandboxParts(record, deps.folders, deps.cgroups);
  const namespaces = Object.entries(parts.pins).map(([type, path]) => ({ type, path }));
  const [ip = "", ...additional] = record.facts?.ips ?? [];
  const config = toJson(PodSandboxConfigSchema, record.config, {
    useProtoFieldName: true,
    enumAsInteger: true,
  }) as Json;
  return {
    info: {
      pid: init?.init.pid ?? 0,
      processStatus: "",
      netNamespaceClosed: pins?.net === undefined ? false : !(await isPinned(pins.net)),
      image: "",
      snapshotKey: "",
      snapshotter: "",
      runtimeHandler: record.runtimeHandler,
      runtimeType: "keelson",
      cniResult: network?.facts === undefined ? null : deps.network.inspectAttachment(network.plan, network.facts),
      config,
      runtimeOptions: null,
      sandboxMetadata: {
        Version: "v1",
        Metadata: {
          ID: record.id,
          Name: sandboxName(record),
          NetNSPath: pins?.net ?? "",
          IP: ip,
          AdditionalIPs: additional,
          RuntimeHandler: record.runtimeHandler,
        },
      },
      runtimeSpec: {
        hostname: record.config.hostname,
        linux: {
          namespaces,
          cgroupsPath: podCgroup(deps.cgroups, record.id, record.config.linux?.cgroupParent ?? "").parent,
        },
      },
      reported: [...reported, ...(network?.plan.reported ?? [])].map(({ field, value, why }) => ({
        field,
        value,
        why,
      })),
    },
  };
}

/** As containerd names a sandbox. */
function sandboxName({ config }: SandboxRecord): string {
  const { name = "", namespace = "", uid = "", attempt = 0 } = config.metadata ?? {};
  return `${name}_${namespace}_${uid}_${attempt}`;
}
