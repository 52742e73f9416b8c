import { notFound, quote } from "@keelson/cri-api/errors";
import type { PodSandboxConfig } from "@keelson/cri-api/v1";
import {
  applySteps,
  failOnLeft,
  type Journal,
  type Progress,
  revertSteps,
  type SandboxEngine,
  type SandboxFacts,
  type SandboxRecord,
  type Task,
} from "@keelson/runtime-core/ports";
import { podCgroup } from "../cgroup/pod-cgroup.ts";
import { admitSandbox } from "../spec/guard.ts";
import type { HostFacts } from "../spec/host-facts.ts";
import { hostNamespaces } from "../spec/namespaces.ts";
import { sandboxSteps } from "./create.ts";
import { inspectSandbox } from "./inspect.ts";
import { podHostname, resolvConfText } from "./pod-files.ts";
import { sandboxSysctls } from "./sandbox-sysctls.ts";
import type { SandboxDeps, SandboxTools } from "./sandbox-tools.ts";
import { attachNetworkName } from "./steps/attach-network.ts";

export interface SandboxEngineOptions extends SandboxDeps {
  /** What default deny goes by. */
  readonly facts: HostFacts;
  /** Whether there is a runtime handler of this name; "" is the default one. */
  readonly hasHandler: (runtimeHandler: string) => boolean;
}

/** Sandboxes by pinned namespaces, a network and files; see `create.ts` for what they are made of. */
export function createSandboxEngine(options: SandboxEngineOptions): SandboxEngine {
  const toolsOf = (journal: Journal): SandboxTools => ({ ...options, journal });

  const revert = async (
    record: SandboxRecord,
    options: { readonly journal: Journal; readonly until: "stop" | "remove"; readonly progress: Progress | undefined },
  ): Promise<void> => {
    const { journal, until } = options;
    const left = await revertSteps({ ...options, steps: sandboxSteps, tools: toolsOf(journal) });
    failOnLeft(`${until} sandbox ${quote(record.id)}`, left);
  };

  return {
    admit(config: PodSandboxConfig, runtimeHandler: string): void {
      if (!options.hasHandler(runtimeHandler)) {
        throw notFound(`find runtime handler ${quote(runtimeHandler)}: it is not configured`, {
          hint: "name a handler of section [runtimes] of the configuration in the RuntimeClass",
        });
      }
      admitSandbox(config, options.facts);
      podCgroup(options.cgroups, "", config.linux?.cgroupParent ?? "");
      podHostname(config);
      sandboxSysctls(config);
      resolvConfText(config.dnsConfig);
      if (!hostNamespaces(config).network) options.network.admit(config);
    },

    async create(record: SandboxRecord, journal: Journal, task: Task): Promise<SandboxFacts> {
      const facts = await applySteps({ steps: sandboxSteps, subject: record, tools: toolsOf(journal), journal, task });
      const network = facts.get(attachNetworkName) as { readonly ips: readonly string[] } | undefined;
      return { ips: network?.ips ?? [] };
    },

    stop: (record, journal, progress) => revert(record, { journal, until: "stop", progress }),

    remove: (record, journal, progress) => revert(record, { journal, until: "remove", progress }),

    inspect: (record: SandboxRecord) => inspectSandbox(record, options),
  };
}
