import { failedPrecondition, quote } from "@keelson/cri-api/errors";
import { parse, TomlError } from "smol-toml";
import { type Capability, capabilities } from "./registry-host.ts";

/** One `[host."…"]` table, or the keys at the top that speak of `server`. */
export interface HostEntry {
  /** Absolute URL; undefined for the top of a file without `server`. */
  readonly url: URL | undefined;
  readonly capabilities: ReadonlySet<Capability>;
  readonly skipVerify: boolean;
  /** Paths as written; relative ones are meant from the file's folder. */
  readonly ca: readonly string[];
  readonly client: readonly { readonly cert: string; readonly key: string }[];
  readonly headers: ReadonlyMap<string, string>;
  readonly overridePath: boolean;
  readonly dialTimeoutMs: number | undefined;
}

export interface HostsFile {
  /** Mirrors in the file's order. */
  readonly hosts: readonly HostEntry[];
  readonly server: HostEntry;
}

const entryKeys = ["capabilities", "ca", "client", "dial_timeout", "header", "override_path", "skip_verify"];

/**
 * Reads the text of a containerd `hosts.toml` (docs/hosts.md of containerd). Every mistake is reported, by its key; an
 * unknown key is a mistake. Values are never shown: headers may hold secrets.
 * @throws FAILED_PRECONDITION naming `path` and all that is wrong
 */
export function parseHostsFile(text: string, path: string): HostsFile {
  const problems: string[] = [];
  const root = parseToml(text, path);
  const server = root.server === undefined ? undefined : parseUrl(root.server, "server", problems);
  const tables = root.host === undefined ? {} : root.host;
  if (!isTable(tables)) problems.push('"host" must be a table');
  const hosts = Object.entries(isTable(tables) ? tables : {}).map(([key, value]) => {
    const at = `host.${quote(key)}`;
    if (!isTable(value)) problems.push(`${at} must be a table`);
    return parseEntry(isTable(value) ? value : {}, `${at}.`, parseUrl(key, at, problems), problems);
  });
  const { server: _server, host: _host, ...rest } = root;
  const file = { hosts, server: parseEntry(rest, "", server, problems) };
  if (problems.length === 0) return file;
  throw failedPrecondition(`read ${quote(path)}: ${problems.join("; ")}`, {
    hint: `known keys are "server", "host", ${entryKeys.map((key) => quote(key)).join(", ")}`,
  });
}

type Table = Readonly<Record<string, unknown>>;

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function parseToml(text: string, path: string): Table {
  try {
    return parse(text);
  } catch (cause) {
    // the parser's own message shows the line, which may hold a secret
    const place = cause instanceof TomlError ? ` at line ${cause.line}, column ${cause.column}` : "";
    throw failedPrecondition(`read ${quote(path)}: not valid TOML${place}`);
  }
}

function parseUrl(value: unknown, key: string, problems: string[]): URL | undefined {
  if (typeof value !== "string") {
    problems.push(`${key} must be a string`);
    return undefined;
  }
  const text = value.includes("://") ? value : `https://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) problems.push(`${key} is not a URL`);
  else if (url.username !== "" || url.password !== "") problems.push(`${key} must not hold credentials`);
  else if (url.search !== "" || url.hash !== "") problems.push(`${key} must not have a query`);
  // a key of digits alone would lose its place in the file's order
  else if (!value.includes(":") && !value.includes(".") && Number.isInteger(Number(value))) {
    problems.push(`${key} is not a host`);
  }
  return url;
}

function parseEntry(table: Table, at: string, url: URL | undefined, problems: string[]): HostEntry {
  for (const key of Object.keys(table)) {
    if (!entryKeys.includes(key)) problems.push(`unknown key ${at}${/^[\w-]{1,64}$/.test(key) ? key : quote(key)}`);
  }
  const flag = (key: string): boolean => {
    const value = table[key];
    if (value !== undefined && typeof value !== "boolean") problems.push(`${at}${key} must be true or false`);
    return value === true;
  };
  return {
    url,
    capabilities: parseCapabilities(table.capabilities, `${at}capabilities`, problems),
    skipVerify: flag("skip_verify"),
    ca: stringList(table.ca, `${at}ca`, problems),
    client: parseClient(table.client, `${at}client`, problems),
    headers: parseHeaders(table.header, `${at}header`, problems),
    overridePath: flag("override_path"),
    dialTimeoutMs: parseDuration(table.dial_timeout, `${at}dial_timeout`, problems),
  };
}

function stringList(value: unknown, key: string, problems: string[]): readonly string[] {
  const list = value === undefined ? [] : Array.isArray(value) ? value : [value];
  const strings = list.filter((item): item is string => typeof item === "string" && item !== "");
  if (strings.length !== list.length) problems.push(`${key} must be a string or a list of strings`);
  return strings;
}

function parseCapabilities(value: unknown, key: string, problems: string[]): ReadonlySet<Capability> {
  const named = stringList(value, key, problems).map((name) => name.toLowerCase());
  for (const name of named) {
    if (!capabilities.some((known) => known === name)) problems.push(`${key} has the unknown value ${quote(name)}`);
  }
  return new Set(named.length === 0 ? capabilities : capabilities.filter((known) => named.includes(known)));
}

function parseClient(value: unknown, key: string, problems: string[]): HostEntry["client"] {
  const list = value === undefined ? [] : Array.isArray(value) ? value : [value];
  return list.flatMap((item): { cert: string; key: string }[] => {
    const [cert, second, ...more] = Array.isArray(item) ? item : [item, item];
    if (typeof cert === "string" && typeof second === "string" && more.length === 0) return [{ cert, key: second }];
    problems.push(`${key} must be a file, a list of files, or a list of [certificate, key] pairs`);
    return [];
  });
}

function parseHeaders(value: unknown, key: string, problems: string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  if (value !== undefined && !isTable(value)) problems.push(`${key} must be a table`);
  for (const [name, field] of Object.entries(isTable(value) ? value : {})) {
    const values = stringList(field, `${key}.${quote(name)}`, problems);
    if (!/^[\w!#$%&'*+.^`|~-]{1,128}$/.test(name)) problems.push(`${key} has the invalid name ${quote(name)}`);
    else if (!values.every(isHeaderValue)) problems.push(`${key}.${name} has a value with control characters`);
    else headers.set(name.toLowerCase(), values.join(", "));
  }
  return headers;
}

/** Visible ASCII, spaces and tabs; no CR, LF or NUL. */
export function isHeaderValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c !== 9 && (c < 0x20 || c > 0x7e)) return false;
  }
  return true;
}

const units = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
]);

function parseDuration(value: unknown, key: string, problems: string[]): number | undefined {
  if (value === undefined) return undefined;
  const parts = typeof value === "string" ? /^([0-9]{1,6})(ms|s|m)$/.exec(value) : null;
  const ms = Number(parts?.[1]) * (units.get(parts?.[2] ?? "") ?? 0);
  if (parts !== null && ms > 0) return ms;
  problems.push(`${key} must be a time such as "500ms", "30s" or "1m"`);
  return undefined;
}
