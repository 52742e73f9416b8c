import { isCriError } from "@keelson/cri-api/errors";
import { type CniResult, parseCniResult } from "./cni-result.ts";
import { type AttachmentParameters, execPlugin } from "./exec-plugin.ts";
import type { ForeignObject } from "./foreign-json.ts";
import { isAtLeast, type NetworkList, type PluginConf } from "./network-list.ts";
import { CniPluginError, type CniVerb, cniErrorCode } from "./plugin-error.ts";
import { requestConfig } from "./request-config.ts";

/** An attachment is one interface of one container in one network (CNI specification, section 3). */
export interface AttachmentCall {
  readonly list: NetworkList;
  readonly attachment: AttachmentParameters;
  readonly capabilityArgs: ForeignObject;
  readonly binDirs: readonly string[];
  /** For each plugin. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** Called before each plugin is run. */
  readonly onPlugin?: (plugin: string, verb: CniVerb) => void;
}

/**
 * ADD through the list of plugins, each with what the one before answered. `onResult` is awaited after each.
 * @returns the last plugin's answer
 * @throws CniPluginError; plugins before the failed one have made their part, so that a DEL has to follow
 */
export async function addAttachment(
  call: AttachmentCall & { readonly onResult: (result: CniResult) => Promise<void> },
): Promise<CniResult> {
  let result: CniResult | undefined;
  for (const plugin of call.list.plugins) {
    const output = await exec(call, plugin, "ADD", result?.json);
    result = parseAnswer(call, plugin, output);
    await call.onResult(result);
  }
  if (result === undefined) throw new Error(`network ${call.list.name} has no plugins`);
  return result;
}

/**
 * DEL through the list in reverse. Safe to repeat, and when ADD never ran. `prevResultJson` undefined: the answer is not
 * known.
 * @throws CniPluginError; the plugins in front of the failed one have not been called
 */
export async function deleteAttachment(call: AttachmentCall, prevResultJson: string | undefined): Promise<void> {
  const prevResult = isAtLeast(call.list.cniVersion, "0.4.0") ? prevResultJson : undefined;
  for (const plugin of call.list.plugins.toReversed()) {
    try {
      await exec(call, plugin, "DEL", prevResult);
    } catch (error) {
      // "Container unknown" says that there is nothing to clean up.
      if (error instanceof CniPluginError && error.cniCode === cniErrorCode.unknownContainer) continue;
      throw error;
    }
  }
}

/** CHECK through the list; resolves at once where the version has none or the configuration switches it off. */
export async function checkAttachment(call: AttachmentCall, prevResultJson: string): Promise<void> {
  if (call.list.disableCheck || !isAtLeast(call.list.cniVersion, "0.4.0")) return;
  for (const plugin of call.list.plugins) await exec(call, plugin, "CHECK", prevResultJson);
}

/** STATUS of each plugin; resolves at once before version 1.1.0. @throws CniPluginError of the first that is not ready */
export async function checkNetworkStatus(
  call: Pick<AttachmentCall, "list" | "binDirs" | "deadlineMs" | "signal">,
): Promise<void> {
  if (!isAtLeast(call.list.cniVersion, "1.1.0")) return;
  for (const plugin of call.list.plugins) {
    await execPlugin({
      verb: "STATUS",
      network: call.list.name,
      plugin: plugin.type,
      config: requestConfig(call.list, plugin),
      attachment: undefined,
      binDirs: call.binDirs,
      deadlineMs: call.deadlineMs,
      signal: call.signal,
    });
  }
}

function exec(
  call: AttachmentCall,
  plugin: PluginConf,
  verb: CniVerb,
  prevResultJson: string | undefined,
): Promise<Buffer> {
  call.onPlugin?.(plugin.type, verb);
  return execPlugin({
    verb,
    network: call.list.name,
    plugin: plugin.type,
    config: requestConfig(call.list, plugin, { capabilityArgs: call.capabilityArgs, prevResultJson }),
    attachment: call.attachment,
    binDirs: call.binDirs,
    deadlineMs: call.deadlineMs,
    signal: call.signal,
  });
}

function parseAnswer(call: AttachmentCall, plugin: PluginConf, output: Uint8Array): CniResult {
  try {
    return parseCniResult(output);
  } catch (cause) {
    if (!isCriError(cause)) throw cause;
    const message = `succeeded, but its answer can't be read: ${cause.message}`;
    throw new CniPluginError({ verb: "ADD", network: call.list.name, plugin: plugin.type, message }, { cause });
  }
}
