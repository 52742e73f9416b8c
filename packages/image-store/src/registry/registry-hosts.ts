import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { failedPrecondition, quote } from "@keelson/cri-api/errors";
import { type HostEntry, type HostsFile, parseHostsFile } from "./hosts-file.ts";
import { capabilities, defaultServer, type RegistryHost } from "./registry-host.ts";
import type { TlsSettings } from "./transport.ts";

/**
 * The hosts to ask for images of `domain`, in order: the mirrors of `hosts.toml`, then the registry itself. The folder
 * is `<configPath>/<domain>` (a port written as `host_5000_` or `host:5000`), else `<configPath>/_default`; a folder
 * without `hosts.toml` may hold `*.crt`, `*.cert` and `*.key` as Docker's does. Without a folder it is the registry by
 * HTTPS: plain HTTP is spoken only to a host that a file names with `http://`, also on loopback.
 *
 * Read anew at each call, so a change counts from the next pull on.
 * @throws FAILED_PRECONDITION naming the file and every mistake in it
 */
export async function resolveHosts(domain: string, configPath: string | undefined): Promise<readonly RegistryHost[]> {
  for (const folder of configPath === undefined ? [] : candidateFolders(domain)) {
    const path = join(configPath ?? "", folder);
    const found = (await readHostsToml(path)) ?? (await readCertificateFiles(path));
    if (found !== undefined) return await toHosts(found, domain, path);
  }
  return [toHost(emptyEntry, domain, noTls, true)];
}

/** A registry that the caller names by URL; nothing is read. */
export function explicitHost(server: string): RegistryHost {
  const url = new URL(server);
  return toHost({ ...emptyEntry, url }, url.host, noTls, true);
}

const noTls: TlsSettings = { skipVerify: false, ca: [], client: [] };

const emptyEntry: HostEntry = {
  url: undefined,
  capabilities: new Set(capabilities),
  skipVerify: false,
  ca: [],
  client: [],
  headers: new Map(),
  overridePath: false,
  dialTimeoutMs: undefined,
};

function candidateFolders(domain: string): readonly string[] {
  const colon = domain.lastIndexOf(":");
  const withPort = colon > 0 ? [`${domain.slice(0, colon)}_${domain.slice(colon + 1)}_`] : [];
  return [...withPort, domain, "_default"];
}

async function readHostsToml(folder: string): Promise<HostsFile | undefined> {
  const path = join(folder, "hosts.toml");
  const text = await ifThere(readFile(path, "utf8"), path);
  return text === undefined ? undefined : parseHostsFile(text, path);
}

async function readCertificateFiles(folder: string): Promise<HostsFile | undefined> {
  const names = await ifThere(readdir(folder), folder);
  if (names === undefined) return undefined;
  const server = {
    ...emptyEntry,
    ca: names.filter((name) => name.endsWith(".crt")),
    client: names
      .filter((name) => name.endsWith(".cert"))
      .map((cert) => ({ cert, key: `${cert.slice(0, -".cert".length)}.key` })),
  };
  return { hosts: [], server };
}

async function ifThere<T>(reading: Promise<T>, path: string): Promise<T | undefined> {
  try {
    return await reading;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw failedPrecondition(`read ${quote(path)}: ${code}`, { cause });
  }
}

async function toHosts(file: HostsFile, domain: string, folder: string): Promise<readonly RegistryHost[]> {
  const mirrors = file.hosts.map(async (entry) => toHost(entry, domain, await readTls(entry, folder), false));
  const server = toHost(file.server, domain, await readTls(file.server, folder), true);
  return [...(await Promise.all(mirrors)), server];
}

function toHost(entry: HostEntry, domain: string, tls: TlsSettings, isServer: boolean): RegistryHost {
  const home = new URL(defaultServer(domain));
  const url = entry.url ?? home;
  const path = url.pathname.replace(/\/$/, "");
  return {
    origin: url.origin,
    apiPath: entry.overridePath || path.endsWith("/v2") ? path : `${path}/v2`,
    capabilities: entry.capabilities,
    tls,
    headers: entry.headers,
    dialTimeoutMs: entry.dialTimeoutMs,
    isRegistry: isServer || sameHost(url, home),
    namespace: sameHost(url, home) ? undefined : domain,
  };
}

function sameHost(url: URL, home: URL): boolean {
  return url.host === home.host || (url.port === "" && home.port !== "" && isDefaultPort(url, home));
}

// `registry:443` and `https://registry` are one host; `URL` drops the port that is its scheme's default
function isDefaultPort(url: URL, home: URL): boolean {
  return url.hostname === home.hostname && home.port === (url.protocol === "https:" ? "443" : "80");
}

async function readTls(entry: HostEntry, folder: string): Promise<TlsSettings> {
  const read = async (path: string): Promise<string> => {
    const whole = resolve(folder, path);
    const text = await ifThere(readFile(whole, "utf8"), whole);
    if (text?.includes("-----BEGIN ")) return text;
    throw failedPrecondition(`read ${quote(whole)}: ${text === undefined ? "no such file" : "no PEM text"}`, {
      hint: `named in the hosts.toml of ${quote(folder)}`,
    });
  };
  const client = entry.client.map(async (pair) => ({ cert: await read(pair.cert), key: await read(pair.key) }));
  return {
    skipVerify: entry.skipVerify,
    ca: await Promise.all(entry.ca.map(read)),
    client: await Promise.all(client),
  };
}
