import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import { failedPrecondition } from "@keelson/cri-api/errors";
import { readCgroupLayout } from "../host/cgroup-layout.ts";
import type { EngineLog } from "../log.ts";
import { compareVersions } from "../sys/floors.ts";
import { run } from "../sys/run.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { type ProbePlace, probeContainer } from "./probe-container.ts";

/** What is known of an OCI runtime that was tried. */
export interface ProbedRuntime {
  readonly path: string;
  /** Why it cannot be used here; undefined when it can. */
  readonly refused?: string;
  /** "" when it does not tell. */
  readonly version: string;
  /** Whether it makes a whole tree of mounts read-only (`rro`). */
  readonly recursiveReadOnlyMounts: boolean;
}

export interface ProbeOptions extends ProbePlace {
  /** Where results are kept: a folder that does not survive a reboot. */
  readonly cacheFolder: string;
  readonly log: EngineLog;
}

/**
 * Takes the first OCI runtime that really runs a container here, and tells the log why others were refused. Never by name
 * or version: crun 1.8 refuses hosts where a controller is in neither v1 nor its idea of hybrid, and no version tells.
 * @throws FAILED_PRECONDITION with every reason when none works
 */
export async function chooseRuntime(candidates: readonly string[], options: ProbeOptions): Promise<ProbedRuntime> {
  const refused: string[] = [];
  for (const path of candidates) {
    const probed = await probeRuntime(path, options);
    if (probed.refused === undefined) {
      options.log.info("OCI runtime chosen", { path, version: probed.version, refused });
      warnBelowFixes(probed, options.log);
      return probed;
    }
    options.log.warn("OCI runtime refused", { path, version: probed.version, why: probed.refused });
    refused.push(`${path}: ${probed.refused}`);
  }
  throw failedPrecondition(
    refused.length === 0
      ? "choose OCI runtime: there is none"
      : `choose OCI runtime: none works; ${refused.join("; ")}`,
    { hint: "install crun or runc, or name one that works in section [runtimes] of the configuration" },
  );
}

/**
 * Tries one runtime, unless the same binary worked on the same kernel and cgroup layout before. A refusal is not
 * remembered: its cause may have been a full disk.
 */
export async function probeRuntime(path: string, options: ProbeOptions): Promise<ProbedRuntime> {
  const unsafe = await whyUnsafe(path);
  if (unsafe !== undefined) return { path, refused: unsafe, version: "", recursiveReadOnlyMounts: false };
  const key = await cacheKey(path, options);
  const cache = await readCache(options.cacheFolder);
  const known = cache.get(path);
  if (known?.key === key) return known.result;
  const refused = await probeContainer(path, options);
  const [version, features] = await Promise.all([ask(path, "--version"), ask(path, "features")]);
  const result: ProbedRuntime = {
    path,
    ...(refused === undefined ? {} : { refused }),
    version: /\b\d+\.\d+[^\s]*/.exec(version)?.[0] ?? "",
    recursiveReadOnlyMounts: hasMountOption(features, "rro"),
  };
  if (refused !== undefined) return result;
  cache.set(path, { key, result });
  await writeCache(options.cacheFolder, cache);
  return result;
}

/** Whoever can write to it is root (THREATS T3.03). */
async function whyUnsafe(path: string): Promise<string | undefined> {
  try {
    const { uid, mode } = await stat(path);
    return uid !== 0 || (mode & 0o022) !== 0 ? "others than root can write to it" : undefined;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return "it is not there";
    throw error;
  }
}

/** Below these, container escapes by racing mounts are known (CVE-2025-31133 and later). */
const fixedIn: readonly { readonly name: string; readonly from: string; readonly versions: readonly string[] }[] = [
  { name: "crun", from: "crun", versions: ["1.30.1"] },
  { name: "runc", from: "runc", versions: ["1.3.6", "1.4.3", "1.5.0"] },
];

function warnBelowFixes(probed: ProbedRuntime, log: EngineLog): void {
  const line = fixedIn.find(({ from }) => probed.path.endsWith(from));
  const newest = line?.versions.at(-1);
  if (line === undefined || newest === undefined || probed.version === "") return;
  const minor = (version: string): string => version.split(".").slice(0, 2).join(".");
  const wanted = line.versions.find((version) => minor(version) === minor(probed.version)) ?? newest;
  if (compareVersions(probed.version, wanted) >= 0) return;
  log.warn("OCI runtime has known vulnerabilities unless its packager has fixed them", {
    path: probed.path,
    version: probed.version,
    fixedIn: line.versions,
  });
}

async function ask(path: string, question: string): Promise<string> {
  const { exit, stdout } = await run([path, question], { deadlineMs: 10_000, anyExit: true });
  return exit.code === 0 ? stdout.toString("utf8") : "";
}

function hasMountOption(features: string, option: string): boolean {
  if (features === "") return false;
  try {
    const parsed = JSON.parse(features) as { mountOptions?: unknown };
    return Array.isArray(parsed.mountOptions) && parsed.mountOptions.includes(option);
  } catch {
    return false; // a runtime that answers something else has told of no feature
  }
}

interface Cached {
  readonly key: string;
  readonly result: ProbedRuntime;
}

async function cacheKey(path: string, options: ProbeOptions): Promise<string> {
  const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
  const { version, controllers, mounts, unified } = readCgroupLayout();
  const layout = { version, controllers, mounts: [...mounts], unified };
  return JSON.stringify([`${dev}:${ino}`, `${size}`, `${mtimeNs}`, release(), layout, options.cgroups.driver]);
}

const cacheFile = "runtime-probe.json";

async function readCache(folder: string): Promise<Map<string, Cached>> {
  try {
    return new Map(JSON.parse(await readFile(join(folder, cacheFile), "utf8")) as [string, Cached][]);
  } catch (error) {
    if (isErrno(error, "ENOENT") || error instanceof SyntaxError) return new Map(); // then it is tried again
    throw error;
  }
}

async function writeCache(folder: string, cache: ReadonlyMap<string, Cached>): Promise<void> {
  const path = join(folder, cacheFile);
  await writeFile(`${path}.new`, JSON.stringify([...cache]), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
