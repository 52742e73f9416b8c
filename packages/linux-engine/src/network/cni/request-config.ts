import type { ForeignObject } from "./foreign-json.ts";
import { parseForeignJson } from "./foreign-json.ts";
import type { NetworkList, PluginConf } from "./network-list.ts";

export interface RequestOptions {
  /** Capability arguments; a plugin gets those that it declares. */
  readonly capabilityArgs?: ForeignObject;
  /** What the plugin before answered, as JSON text. */
  readonly prevResultJson?: string | undefined;
}

/**
 * What a plugin reads from standard input: its own configuration, unchanged but for the keys of the protocol (CNI
 * specification, section 3, "Deriving request configuration").
 */
export function requestConfig(list: NetworkList, plugin: PluginConf, options: RequestOptions = {}): string {
  const own = Object.entries(plugin.object).filter(
    ([key]) => key !== "capabilities" && key !== "runtimeConfig" && key !== "prevResult" && !key.startsWith("cni.dev/"),
  );
  const runtimeConfig = Object.entries(options.capabilityArgs ?? {}).filter(([key]) => plugin.capabilities.has(key));
  return JSON.stringify({
    ...Object.fromEntries(own),
    name: list.name,
    cniVersion: list.cniVersion,
    ...(runtimeConfig.length === 0 ? {} : { runtimeConfig: Object.fromEntries(runtimeConfig) }),
    ...(options.prevResultJson === undefined
      ? {}
      : { prevResult: parseForeignJson(options.prevResultJson, { maxBytes: 1024 * 1024 }) }),
  });
}
