import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { invalidArgument, isCriError, quote } from "@keelson/cri-api/errors";
import { findPlugin } from "./find-plugin.ts";
import { type NetworkList, parseNetworkList, parsePluginConf, parseSinglePlugin } from "./network-list.ts";

export interface CniFolders {
  /** Where configurations are, such as `/etc/cni/net.d`. */
  readonly confDir: string;
  /** Where plugins are, in the order in which they are looked for, such as `/opt/cni/bin`. */
  readonly binDirs: readonly string[];
}

/** What a configuration folder holds. */
export interface LoadedNetworks {
  /** The network that pods get: the first usable file's, in the order of names. */
  readonly network?: { readonly file: string; readonly list: NetworkList };
  /** Files in front of it that can't be used, and why. */
  readonly broken: readonly { readonly file: string; readonly why: string }[];
  /** One sentence when there is no usable network: what is missing, and where. */
  readonly missing?: string;
}

const extensions: ReadonlySet<string> = new Set([".conflist", ".conf", ".json"]);
const maxFileBytes = 1024 * 1024;

/**
 * Looks for the pods' network as containerd and CRI-O do: `*.conflist`, `*.conf` and `*.json`, sorted by name, the first
 * usable one. A broken file is passed over and told. Reads the folder anew at each call: it is small, and nobody has to
 * tell us that it changed.
 */
export function loadNetworks(folders: CniFolders): LoadedNetworks {
  const { confDir } = folders;
  let names: readonly string[];
  try {
    names = readdirSync(confDir);
  } catch (error) {
    return { broken: [], missing: `no CNI configuration: read ${quote(confDir)}: ${messageOf(error)}` };
  }
  const files = names.filter((name) => extensions.has(extname(name))).toSorted();
  const broken: { readonly file: string; readonly why: string }[] = [];
  for (const name of files) {
    const file = join(confDir, name);
    try {
      return { network: { file, list: loadNetwork(file, folders) }, broken };
    } catch (error) {
      broken.push({ file, why: messageOf(error) });
    }
  }
  const missing =
    broken.length === 0
      ? `no CNI configuration: ${quote(confDir)} has no *.conflist, *.conf or *.json; a network add-on, or you, puts one there`
      : `no usable CNI configuration: ${broken.map(({ file, why }) => `${quote(file)} is broken: ${why}`).join("; ")}`;
  return { broken, missing };
}

/** Reads one file and makes sure that its plugins are there. @throws CriError */
function loadNetwork(file: string, folders: CniFolders): NetworkList {
  const bytes = readSmallFile(file);
  const list = extname(file) === ".conflist" ? withFolder(parseNetworkList(bytes), folders) : parseSinglePlugin(bytes);
  if (list.plugins.length === 0) throw invalidArgument(`network ${quote(list.name)} has no plugins`);
  for (const plugin of list.plugins) findPlugin(plugin.type, folders.binDirs);
  return list;
}

/** Specification 1.1: plugins in a folder named after the network are appended, unless the list says otherwise. */
function withFolder(list: NetworkList, folders: CniFolders): NetworkList {
  if (list.loadOnlyInlinedPlugins) return list;
  const folder = join(folders.confDir, list.name);
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return list;
    throw error;
  }
  const files = names.filter((name) => extname(name) === ".conf").toSorted();
  return {
    ...list,
    plugins: [...list.plugins, ...files.map((name) => parsePluginConf(readSmallFile(join(folder, name))))],
  };
}

/** A regular file (links are followed: configurations come from mounted ConfigMaps), never a FIFO that would block. */
function readSmallFile(file: string): Uint8Array {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw invalidArgument("is not a regular file");
    if (stat.size > maxFileBytes) throw invalidArgument(`has ${stat.size} bytes, at most ${maxFileBytes}`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function messageOf(error: unknown): string {
  if (isCriError(error) && error.hint !== undefined) return `${error.message} (${error.hint})`;
  return error instanceof Error ? error.message : String(error);
}
