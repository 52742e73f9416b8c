import { toJson } from "@bufbuild/protobuf";
import { isCriError } from "@keelson/cri-api/errors";
import { type PodSandboxConfig, PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import type { Json, SandboxRecord } from "@keelson/runtime-core/ports";
import { type CgroupScheme, podCgroup } from "../cgroup/pod-cgroup.ts";
import { admitSandbox } from "../spec/guard.ts";
import type { HostFacts, Reported } from "../spec/host-facts.ts";
import { isPinned } from "../sys/namespace-pin.ts";
import { recordedInit, recordedNetwork, recordedPins, sandboxPins } from "./sandbox-parts.ts";
import type { SandboxDeps } from "./sandbox-tools.ts";

/**
 * What verbose PodSandboxStatus shows, in the form that tools know from containerd: one key `info`. `pid` is 0 but
 * where process IDs are shared: no other process holds the pod's namespaces; their paths are in `runtimeSpec`.
 */
export async function inspectSandbox(
  record: SandboxRecord,
  deps: SandboxDeps & { readonly facts: HostFacts },
): Promise<Record<string, Json>> {
  const pins = recordedPins(record)?.plan.pins;
  const network = recordedNetwork(record);
  const init = recordedInit(record)?.facts;
  const reported = reportedNow(record.config, deps.facts);
  const namespaces = Object.entries(sandboxPins(record)).map(([type, path]) => ({ type, path }));
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
          cgroupsPath: cgroupNow(record, deps.cgroups),
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

/** The pod may be of an earlier life of the daemon, with another configuration: what no longer goes is told. */
function reportedNow(config: PodSandboxConfig, facts: HostFacts): readonly Reported[] {
  try {
    return admitSandbox(config, facts);
  } catch (error) {
    if (!isCriError(error)) throw error;
    return [{ field: "config", value: "as it was admitted", why: error.message }];
  }
}

function cgroupNow({ id, config }: SandboxRecord, cgroups: CgroupScheme): string {
  const asked = config.linux?.cgroupParent ?? "";
  try {
    return podCgroup(cgroups, id, asked).parent;
  } catch (error) {
    if (!isCriError(error)) throw error;
    return asked;
  }
}

/** As containerd names a sandbox. */
function sandboxName({ config }: SandboxRecord): string {
  const { name = "", namespace = "", uid = "", attempt = 0 } = config.metadata ?? {};
  return `${name}_${namespace}_${uid}_${attempt}`;
}
