import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CriVersion, criVersions } from "@keelson/cri-api/versions";
import { parse, TomlError } from "smol-toml";
import { z } from "zod";
import { parseListenAddress } from "./metrics/listen-address.ts";

/** keelsond's settings, complete and frozen. The names are those of the TOML keys. */
export interface Config {
  /** What outlives a reboot: records, images, snapshots. */
  readonly root: string;
  /** What does not: bundles, exit files, namespace pins. */
  readonly state: string;
  /** The handler of pods that name none; "" lets a probe choose between crun and runc. */
  readonly default_runtime: string;
  /** OCI runtimes by the name of their handler. */
  readonly runtimes: Readonly<Record<string, { readonly path: string }>>;
  readonly grpc: { readonly listen: string; readonly versions: readonly CriVersion[] };
  readonly registry: { readonly config_path: string };
  /** Images that the kubelet does not collect: references, or beginnings of names before a `*`. */
  readonly images: { readonly pinned: readonly string[] };
  readonly cni: { readonly conf_dir: string; readonly bin_dirs: readonly string[] };
  /** "auto": systemd where it runs and cgroup is v2, else cgroupfs. */
  readonly cgroup: { readonly driver: "auto" | "cgroupfs" | "systemd" };
  /** `listen` "": metrics are not served. */
  readonly metrics: { readonly listen: string; readonly allow_remote: boolean };
  readonly log: { readonly level: "debug" | "info" | "warn" | "error" };
}

const absolutePath: z.ZodType<string> = z.string().regex(/^\/[^\0]*$/, "want an absolute path");

const schema: z.ZodType<Config> = z
  .strictObject({
    root: absolutePath.prefault("/var/lib/keelson"),
    state: absolutePath.prefault("/run/keelson"),
    default_runtime: z.string().default(""),
    runtimes: z
      .record(
        z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "want the name of a runtime handler"),
        z.strictObject({ path: absolutePath }),
      )
      .default({}),
    grpc: z
      .strictObject({
        listen: z.string().default("unix:///run/keelson/keelsond.sock"),
        versions: z
          .array(z.enum(criVersions))
          .min(1)
          .default([...criVersions]),
      })
      .prefault({}),
    registry: z.strictObject({ config_path: absolutePath.prefault("/etc/keelson/certs.d") }).prefault({}),
    images: z
      .strictObject({
        pinned: z
          .array(z.string().regex(/^[^*\s]+\*?$/, 'want a reference, or the beginning of names before a "*"'))
          .default([]),
      })
      .prefault({}),
    cni: z
      .strictObject({
        conf_dir: absolutePath.prefault("/etc/cni/net.d"),
        bin_dirs: z.array(absolutePath).min(1).default(["/opt/cni/bin", "/usr/lib/cni"]),
      })
      .prefault({}),
    cgroup: z.strictObject({ driver: z.enum(["auto", "cgroupfs", "systemd"]).default("auto") }).prefault({}),
    metrics: z.strictObject({ listen: z.string().default(""), allow_remote: z.boolean().default(false) }).prefault({}),
    log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") }).prefault({}),
  })
  .superRefine((config, context) => {
    const refused = whyNotListen(config.metrics);
    if (refused !== undefined) context.addIssue({ code: "custom", path: ["metrics", "listen"], message: refused });
    if (config.default_runtime !== "" && !Object.hasOwn(config.runtimes, config.default_runtime)) {
      context.addIssue({
        code: "custom",
        path: ["default_runtime"],
        message: `want one of the [runtimes] tables, got "${config.default_runtime}"`,
      });
    }
  });

function whyNotListen({ listen, allow_remote }: Config["metrics"]): string | undefined {
  if (listen === "") return undefined;
  const address = parseListenAddress(listen);
  if (address === undefined) return `want an address and a port such as 127.0.0.1:9464, got "${listen}"`;
  if (address.isLoopback || allow_remote) return undefined;
  return `${listen} can be reached by others: want 127.0.0.1 or [::1], or set allow_remote`;
}

/** What the command line sets; it wins over every file. */
export interface Flags {
  readonly config?: string;
  readonly listen?: string;
  readonly root?: string;
  readonly state?: string;
}

export const defaultConfigFile = "/etc/keelson/config.toml";

/** A configuration that can't be used. The message names every mistake by file and key. */
export class ConfigError extends Error {}

/**
 * Reads the configuration file, then the `*.toml` files of the folder `config.d` beside it in the order of their names;
 * later tables replace earlier values key by key. Without `flags.config` a default file that is not there is no error.
 * @throws ConfigError
 */
export function loadConfig(flags: Flags): Config {
  const file = flags.config ?? defaultConfigFile;
  const first = readToml(file, flags.config === undefined);
  const merged = dropIns(file).reduce((all, one) => merge(all, readToml(one, false)), first);
  const withFlags = merge(merged, {
    ...(flags.root === undefined ? {} : { root: flags.root }),
    ...(flags.state === undefined ? {} : { state: flags.state }),
    ...(flags.listen === undefined ? {} : { grpc: { listen: flags.listen } }),
  });
  const result = schema.safeParse(withFlags);
  if (!result.success) throw new ConfigError(`${file}: ${result.error.issues.map(describe).join("; ")}`);
  // a record's schema passes over this name without a word
  if (isTable(withFlags.runtimes) && Object.hasOwn(withFlags.runtimes, "__proto__")) {
    throw new ConfigError(`${file}: runtimes.__proto__: want the name of a runtime handler`);
  }
  return Object.freeze(result.data);
}

type Table = Record<string, unknown>;

function readToml(file: string, mayBeMissing: boolean): Table {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (mayBeMissing && (error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new ConfigError(`read ${file}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new ConfigError(`${file}:${error.line}:${error.column}: ${error.message.split("\n", 1)[0]}`, {
      cause: error,
    });
  }
}

function dropIns(file: string): string[] {
  const folder = join(file, "..", "config.d");
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".toml"))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new ConfigError(`read ${folder}: ${(error as Error).message}`, { cause: error });
  }
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function merge(base: Table, over: Table): Table {
  const merged: Table = Object.assign(Object.create(null) as Table, base);
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    merged[key] = isTable(before) && isTable(value) ? merge(before, value) : value;
  }
  return merged;
}

function describe(issue: z.core.$ZodIssue): string {
  const at = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `unknown key ${at === "" ? key : `${at}.${key}`}`).join("; ");
  }
  return `${at}: ${issue.message}`;
}
