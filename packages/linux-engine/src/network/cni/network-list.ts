import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import { asObject, type ForeignObject, field, listField, parseForeignJson, stringField } from "./foreign-json.ts";

/** A network configuration as a runtime reads it (CNI specification, section 1). */
export interface NetworkList {
  readonly name: string;
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  /** Plugins of a folder named after the network are not added. */
  readonly loadOnlyInlinedPlugins: boolean;
  readonly plugins: readonly PluginConf[];
}

export interface PluginConf {
  readonly type: string;
  /** The capabilities that it declares as true. */
  readonly capabilities: ReadonlySet<string>;
  /** The whole object, as it goes to the plugin. */
  readonly object: ForeignObject;
}

/** The versions of the specification whose requests and results we speak, oldest first. */
export const cniVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

/** Whether version `a` is at least `b`; both are of {@link cniVersions}. */
export function isAtLeast(a: string, b: (typeof cniVersions)[number]): boolean {
  return cniVersions.indexOf(a as never) >= cniVersions.indexOf(b);
}

const limits = { maxBytes: 1024 * 1024 };
const maxPlugins = 64;

/**
 * Reads a list of plugins (`*.conflist`).
 * @throws INVALID_ARGUMENT, FAILED_PRECONDITION for a version that we do not speak
 */
export function parseNetworkList(text: Uint8Array | string): NetworkList {
  const object = asObject(parseForeignJson(text, limits), "network configuration");
  const loadOnlyInlinedPlugins = booleanField(object, "loadOnlyInlinedPlugins");
  const plugins = listField(object, "plugins", maxPlugins);
  if (plugins?.length === 0) throw invalidArgument("plugins: the list is empty");
  if (plugins === undefined && (loadOnlyInlinedPlugins || field(object, "type") !== undefined)) {
    throw invalidArgument("plugins: is missing", {
      hint: "a configuration of one plugin is named *.conf, a list of plugins *.conflist",
    });
  }
  return {
    name: networkName(object),
    cniVersion: chosenVersion(object),
    disableCheck: booleanField(object, "disableCheck"),
    loadOnlyInlinedPlugins,
    plugins: (plugins ?? []).map((one, index) => parsePlugin(asObject(one, `plugins[${index}]`))),
  };
}

/** Reads the configuration of one plugin (`*.conf`, `*.json`) as a network of its own. @throws INVALID_ARGUMENT */
export function parseSinglePlugin(text: Uint8Array | string): NetworkList {
  const object = asObject(parseForeignJson(text, limits), "network configuration");
  if (field(object, "type") === undefined && field(object, "plugins") !== undefined) {
    throw invalidArgument("type: is missing", { hint: "rename a file with a list of plugins to *.conflist" });
  }
  return {
    name: networkName(object),
    cniVersion: chosenVersion(object),
    disableCheck: booleanField(object, "disableCheck"),
    loadOnlyInlinedPlugins: true,
    plugins: [parsePlugin(object)],
  };
}

/** Reads one plugin's object, without the network around it. @throws INVALID_ARGUMENT */
export function parsePluginConf(text: Uint8Array | string): PluginConf {
  return parsePlugin(asObject(parseForeignJson(text, limits), "plugin configuration"));
}

/** The list as text that {@link parseNetworkList} reads back: what is recorded and cached. */
export function formatNetworkList(list: NetworkList): string {
  return JSON.stringify({
    cniVersion: list.cniVersion,
    name: list.name,
    disableCheck: list.disableCheck,
    loadOnlyInlinedPlugins: true,
    plugins: list.plugins.map((plugin) => plugin.object),
  });
}

/** CVE-2021-20206: a type is a file's name and never a path. */
function pluginType(object: ForeignObject, what: string): string {
  const type = stringField(object, "type", 128);
  if (type === undefined) throw invalidArgument(`${what}: is missing`);
  if (!/^[A-Za-z0-9._-]+$/.test(type) || type === "." || type === "..") {
    throw invalidArgument(`${what}: ${quote(type)} is not the name of a plugin (letters, digits, ".", "_" and "-")`);
  }
  return type;
}

function parsePlugin(object: ForeignObject): PluginConf {
  const type = pluginType(object, "type");
  // A plugin starts its IPAM plugin, or the one that it delegates to, by the type that it finds here.
  for (const key of ["ipam", "delegate"]) {
    const inner = field(object, key);
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) continue;
    if (
      field(inner as ForeignObject, "type") === undefined ||
      stringField(inner as ForeignObject, "type", 128) === ""
    ) {
      continue; // an empty "ipam" is common in layer 2 networks
    }
    pluginType(inner as ForeignObject, `${key}.type of plugin ${quote(type)}`);
  }
  const declared = field(object, "capabilities");
  const capabilities =
    declared === undefined
      ? []
      : Object.entries(asObject(declared, "capabilities")).flatMap(([name, on]) => (on === true ? [name] : []));
  return { type, capabilities: new Set(capabilities), object };
}

function networkName(object: ForeignObject): string {
  const name = stringField(object, "name", 200);
  if (name === undefined || name === "") throw invalidArgument("name: is missing");
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) {
    throw invalidArgument(
      `name: ${quote(name)} does not begin with a letter or digit, or has other than letters, digits, ".", "_" and "-"`,
    );
  }
  return name;
}

/** The highest version that the configuration offers and that we speak. */
function chosenVersion(object: ForeignObject): string {
  const single = stringField(object, "cniVersion", 32);
  const several = listField(object, "cniVersions", 64) ?? [];
  const offered = [single, ...several].filter((one) => typeof one === "string" && one !== "");
  if (offered.length === 0) return "0.1.0"; // a configuration without a version is of the time before there was one
  const chosen = cniVersions.findLast((version) => offered.includes(version));
  if (chosen !== undefined) return chosen;
  throw failedPrecondition(
    `cniVersion: ${quote(offered.join(", "))} is none that we speak (${cniVersions.join(", ")})`,
  );
}

/** Also "true" and "false" in quotes, which libcni takes. */
function booleanField(object: ForeignObject, key: string): boolean {
  const value = field(object, key);
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  const text = typeof value === "string" ? value.toLowerCase() : "";
  if (text === "true" || text === "false") return text === "true";
  throw invalidArgument(`${key}: want true or false`);
}
