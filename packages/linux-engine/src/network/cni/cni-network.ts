import { failedPrecondition, internal, isCriError, quote } from "@keelson/cri-api/errors";
import type { PodSandboxConfig } from "@keelson/cri-api/v1";
import { KeyedLock } from "@keelson/lifecycle";
import type { Condition, Json, Progress, Task } from "@keelson/runtime-core/ports";
import { isPinned } from "../../sys/namespace-pin.ts";
import type { Network, NetworkFacts, NetworkPlan, NetworkRequest } from "../network.ts";
import {
  type AttachmentCall,
  addAttachment,
  checkAttachment,
  checkNetworkStatus,
  deleteAttachment,
} from "./attachment.ts";
import { podAddresses } from "./cni-result.ts";
import { describeResult } from "./describe-result.ts";
import type { AttachmentParameters } from "./exec-plugin.ts";
import { asObject, type ForeignObject } from "./foreign-json.ts";
import { type CniFolders, loadNetworks } from "./load-networks.ts";
import { formatNetworkList, type NetworkList, parseNetworkList } from "./network-list.ts";
import type { CniVerb } from "./plugin-error.ts";
import { capabilityArgsOf, cniArgsOf } from "./pod-arguments.ts";
import { type CachedAttachment, ResultCache } from "./result-cache.ts";
import { endStragglers } from "./stragglers.ts";

export interface CniNetworkOptions extends CniFolders {
  /** Where answers of plugins are noted: a folder of ours that survives a reboot. */
  readonly cacheDir: string;
  /** For each plugin of an ADD; default 2 minutes (a plugin may wait for its own daemon to come up). */
  readonly addDeadlineMs?: number;
  /** For each plugin of a DEL or CHECK; default 1 minute. */
  readonly deleteDeadlineMs?: number;
  /** For each plugin's STATUS; default 5 seconds. */
  readonly statusDeadlineMs?: number;
}

type OwnPlan = {
  /** The configuration of the time of ADD: DEL must not see another one. */
  readonly config: string;
  readonly args: readonly (readonly [string, string])[];
  readonly capabilityArgs: { readonly [name: string]: Json };
};

const interfaceName = "eth0";
/** Where a pod asks for what a capability carries; the others only tell plugins more. */
const fieldOf = { portMappings: "port_mappings", bandwidth: "annotations[kubernetes.io/*-bandwidth]" } as const;

/** The pods' network by CNI plugins, as containerd and CRI-O have it. */
export function createCniNetwork(options: CniNetworkOptions): Network {
  const { binDirs } = options;
  const cache = new ResultCache(options.cacheDir);
  const locks = new KeyedLock(); // no two operations of one container at a time (section 3, "Lifecycle")
  let podCidr = "";

  function callOf(cached: Omit<CachedAttachment, "resultJson">, deadlineMs: number): AttachmentCall {
    const { attachment, capabilityArgs } = cached;
    return { list: parseNetworkList(cached.config), attachment, capabilityArgs, binDirs, deadlineMs };
  }

  async function detachCached(
    known: Omit<CachedAttachment, "resultJson">,
    resultJson: string | undefined,
    progress?: Progress,
  ): Promise<void> {
    const { attachment, network } = known;
    const netnsPath = (await isPinned(attachment.netnsPath)) ? attachment.netnsPath : "";
    const deadlineMs = options.deleteDeadlineMs ?? 60_000;
    const call = callOf({ ...known, attachment: { ...attachment, netnsPath } }, deadlineMs);
    const onPlugin = onPluginOf(network, progress);
    await deleteAttachment({ ...call, onPlugin }, resultJson);
    await cache.delete(network, attachment);
  }

  return {
    admit(config: PodSandboxConfig): void {
      cniArgsOf("", config);
      capabilityArgsOf(config);
    },

    plan({ sandboxId, netnsPath, config }: NetworkRequest): NetworkPlan {
      const { network, missing } = loadNetworks(options);
      if (network === undefined) throw failedPrecondition(`plan pod network: ${missing}`);
      const { name } = network.list;
      const declared = new Set(network.list.plugins.flatMap((plugin) => [...plugin.capabilities]));
      const offered = Object.entries(capabilityArgsOf(config));
      const own: OwnPlan = {
        config: formatNetworkList(network.list),
        args: cniArgsOf(sandboxId, config),
        capabilityArgs: Object.fromEntries(offered.filter(([capability]) => declared.has(capability))),
      };
      // Some networks serve host ports and bandwidth by an agent of their own, so that no plugin declares them.
      const reported = offered.flatMap(([capability, value]) =>
        declared.has(capability) || !(capability in fieldOf)
          ? []
          : [
              {
                field: fieldOf[capability as keyof typeof fieldOf],
                value: JSON.stringify(value).slice(0, 1_000),
                why: `no plugin of network "${name}" declares the capability ${capability}`,
              },
            ],
      );
      return { sandboxId, netnsPath, interfaceName, network: name, reported, own };
    },

    attach(plan: NetworkPlan, task: Task): Promise<NetworkFacts> {
      return locks.run(plan.sandboxId, async () => {
        const known = knownOf(plan);
        const result = await addAttachment({
          ...callOf(known, options.addDeadlineMs ?? 120_000),
          signal: task.signal,
          onPlugin: onPluginOf(plan.network, task),
          onResult: ({ json }) => cache.write({ ...known, resultJson: json }),
        });
        const ips = podAddresses(result, plan.interfaceName);
        if (ips.length === 0) {
          throw internal(`attach network "${plan.network}": its plugins gave ${plan.interfaceName} no address`, {
            hint: "give the first plugin of the network an ipam section",
          });
        }
        const interfaces = result.interfaces.map(({ name, mac, sandbox }) => ({ name, mac, sandbox }));
        return { ips, interfaces, resultJson: result.json };
      });
    },

    detach(plan: NetworkPlan, facts: NetworkFacts | undefined, progress?: Progress): Promise<void> {
      return locks.run(plan.sandboxId, async () => {
        const known = knownOf(plan);
        if (facts === undefined) await endStragglers(plan.sandboxId, parseNetworkList(known.config));
        const resultJson = facts?.resultJson ?? (await cache.read(known.network, known.attachment))?.resultJson;
        await detachCached(known, resultJson, progress);
      });
    },

    check(plan: NetworkPlan, facts: NetworkFacts): Promise<void> {
      return locks.run(plan.sandboxId, () =>
        checkAttachment(callOf(knownOf(plan), options.deleteDeadlineMs ?? 60_000), facts.resultJson),
      );
    },

    async status(): Promise<Condition> {
      const { network, missing } = loadNetworks(options);
      if (network === undefined) return notReady(missing ?? "no CNI configuration");
      try {
        await checkNetworkStatus({ list: network.list, binDirs, deadlineMs: options.statusDeadlineMs ?? 5_000 });
      } catch (error) {
        if (isCriError(error)) return notReady(error.message);
        throw error;
      }
      return { status: true, reason: "", message: "" };
    },

    async updatePodCidr(cidr: string): Promise<void> {
      podCidr = cidr; // plugins get their ranges from their own configuration; containerd uses it in a template only
    },

    async removeUnrecorded(recorded: ReadonlySet<string>): Promise<readonly string[]> {
      const left: string[] = [];
      const { entries, unreadable } = await cache.list();
      left.push(...unreadable.map((file) => `network by note ${file}: it can't be read, and has been removed`));
      for (const entry of entries) {
        const { containerId } = entry.attachment;
        if (recorded.has(containerId)) continue;
        try {
          await locks.run(containerId, async () => {
            await endStragglers(containerId, parseNetworkList(entry.config));
            await detachCached(entry, entry.resultJson);
          });
        } catch (error) {
          left.push(`network of ${containerId}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      return left;
    },

    inspectAttachment(_plan: NetworkPlan, facts: NetworkFacts): Json {
      return describeResult(facts.resultJson);
    },

    inspect(): Json {
      const { network, broken, missing } = loadNetworks(options);
      return {
        confDir: options.confDir,
        binDirs: [...binDirs],
        podCidr,
        ...(network === undefined
          ? { missing: missing ?? "" }
          : { file: network.file, network: summary(network.list) }),
        broken: broken.map(({ file, why }) => ({ file, why })),
      };
    },
  };
}

function onPluginOf(network: string, progress: Progress | undefined): (plugin: string, verb: CniVerb) => void {
  return (plugin, verb) =>
    progress?.stage(`waiting for CNI ${verb}`, `of network ${quote(network)} (plugin ${plugin})`);
}

/** Names and types only: configurations may hold credentials. */
function summary(list: NetworkList): Json {
  const plugins = list.plugins.map((plugin) => ({ type: plugin.type, capabilities: [...plugin.capabilities] }));
  return { name: list.name, cniVersion: list.cniVersion, plugins };
}

function knownOf(plan: NetworkPlan): Omit<CachedAttachment, "resultJson"> {
  const own = asObject(plan.own, "recorded network plan") as OwnPlan & ForeignObject;
  const attachment: AttachmentParameters = {
    containerId: plan.sandboxId,
    netnsPath: plan.netnsPath,
    interfaceName: plan.interfaceName,
    args: own.args,
  };
  return { network: plan.network, attachment, config: own.config, capabilityArgs: own.capabilityArgs };
}

const notReady = (message: string): Condition => ({ status: false, reason: "NetworkPluginNotReady", message });
