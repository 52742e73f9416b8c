// What can be left behind on a machine, read from the kernel. Items are named so that the same thing has the same name in
// two readings, whatever the readings' order.
import { execFileSync } from "node:child_process";
import { type Dirent, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

export const kinds = [
  "mount",
  "namespace",
  "cgroup",
  "link",
  "rule",
  "process",
  "shared memory",
  "sysctl",
  "address",
  "loop device",
  "file",
] as const;

export type Kind = (typeof kinds)[number];

export interface Item {
  readonly kind: Kind;
  /** Unique within the kind. */
  readonly name: string;
  /** What may change without the item being another one. */
  readonly value?: string;
}

/** Everything of every kind, sorted. Parts that this kernel or user cannot see are left out. */
export function readMachineState(): readonly Item[] {
  const items = [
    ...mounts(),
    ...namespaces(),
    ...cgroups(),
    ...links(),
    ...rules(),
    ...processes(),
    ...sharedMemory(),
    ...sysctls(),
    ...addresses(),
    ...loopDevices(),
    ...files(),
  ];
  // Two mounts may lie on one another, two rules may be equal: the second is an item of its own.
  const seen = new Map<string, number>();
  const named = items.map((item): Item => {
    const key = `${item.kind} ${item.name}`;
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return count === 1 ? item : { ...item, name: `${item.name} (${count})` };
  });
  return named.toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface MountLine {
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly source: string;
}

function mountLines(): readonly MountLine[] {
  return lines("/proc/self/mountinfo").map((line) => {
    const fields = line.split(" ");
    const dash = fields.indexOf("-", 6);
    return {
      root: fields[3] ?? "",
      point: fields[4] ?? "",
      type: fields[dash + 1] ?? "",
      source: fields[dash + 2] ?? "",
    };
  });
}

function mounts(): Item[] {
  return mountLines()
    .filter(({ type }) => type !== "nsfs")
    .map(({ point, type, source }) => ({ kind: "mount", name: `${point} (${type} ${source})` }));
}

function namespaces(): Item[] {
  const bound = mountLines().filter(({ type }) => type === "nsfs");
  const points = new Set(bound.map(({ point }) => point));
  const unbound = entries("/run/netns").filter((entry) => !points.has(`/run/netns/${entry.name}`));
  return [
    ...bound.map(({ point, root }): Item => ({ kind: "namespace", name: `${point} (${root.split(":")[0]})` })),
    ...unbound.map((entry): Item => ({ kind: "namespace", name: `/run/netns/${entry.name} (not bound)` })),
  ];
}

function cgroups(): Item[] {
  const found = new Set<string>();
  for (const { type, point, root } of mountLines()) {
    if ((type === "cgroup" || type === "cgroup2") && root === "/") walk(point, found);
  }
  return [...found].map((name) => ({ kind: "cgroup", name }));
}

function walk(folder: string, found: Set<string>): void {
  for (const entry of entries(folder)) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    found.add(path);
    walk(path, found);
  }
}

function links(): Item[] {
  return lines("/proc/self/net/dev")
    .slice(2)
    .map((line) => ({ kind: "link", name: line.split(":")[0]?.trim() ?? "" }));
}

function rules(): Item[] {
  return [
    ...["iptables", "ip6tables"].flatMap((tool) => iptablesRules(tool, output(`${tool}-save`))),
    ...nftRules(output("nft", "-s", "list", "ruleset")),
  ].map((name) => ({ kind: "rule", name }));
}

/** Rules and chains that somebody made; the tables' own chains are there once a table was ever looked at. */
export function iptablesRules(tool: string, text: string): readonly string[] {
  let table = "";
  return text.split("\n").flatMap((line) => {
    if (line.startsWith("*")) table = line.slice(1);
    if (line.startsWith("-")) return [`${tool} ${table} ${line}`];
    const [chain = "", policy] = line.split(" ");
    if (line.startsWith(":") && policy !== "ACCEPT") return [`${tool} ${table} chain ${chain.slice(1)} (${policy})`];
    return [];
  });
}

const standardTable = /^table ip6? (?:filter|nat|mangle|raw|security)$/;
const standardChain = /^chain (?:INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING)$/;

/** The same of `nft -s list ruleset`: rules by table and chain, tables and chains. */
export function nftRules(text: string): readonly string[] {
  const place: string[] = [];
  return text.split("\n").flatMap((raw) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith("type ")) return [];
    if (line === "}") {
      place.pop();
      return [];
    }
    if (!line.endsWith("{")) return [`nft ${place.join(" ")}: ${line}`];
    place.push(line.slice(0, -1).trim());
    const [table = "", chain = ""] = place;
    return standardTable.test(table) && (chain === "" || standardChain.test(chain)) ? [] : [`nft ${place.join(" ")}`];
  });
}

const programs = new Set([
  "conmon",
  "crun",
  "runc",
  "bwrap",
  "catatonit",
  "docker-registry",
  "keelsond",
  "keelson-fake",
  "bridge",
  "host-local",
  "portmap",
]);
const scripts =
  /\/(?:apps\/(?:runtime|fake-runtime|cli)\/(?:src|dist)\/main\.[jt]s|(?:fetcher|applier)-process\.[jt]s)$/;

function processes(): Item[] {
  const own = { pid: link("/proc/self/ns/pid"), net: link("/proc/self/ns/net") };
  return entries("/proc").flatMap((entry): Item[] => {
    if (!/^\d+$/.test(entry.name) || Number(entry.name) === process.pid) return [];
    const stat = text(`/proc/${entry.name}/stat`);
    const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state === undefined || state === "" || state === "Z") return []; // ended
    const argv = text(`/proc/${entry.name}/cmdline`).split("\0");
    const comm = text(`/proc/${entry.name}/comm`).trim();
    const script = argv.slice(1, 4).find((word) => scripts.test(word));
    const elsewhere = (["pid", "net"] as const).find((kind) => {
      const theirs = link(`/proc/${entry.name}/ns/${kind}`);
      return theirs !== undefined && theirs !== own[kind];
    });
    if (!programs.has(comm) && script === undefined && elsewhere === undefined) return [];
    const where = elsewhere === undefined ? "" : `, in another ${elsewhere} namespace`;
    const what =
      argv
        .filter((word) => word !== "")
        .join(" ")
        .slice(0, 200) || comm;
    return [
      { kind: "process", name: `${basename(script ?? comm)} pid ${entry.name} started ${rest[18]}${where}: ${what}` },
    ];
  });
}

function sharedMemory(): Item[] {
  const files = ["/dev/shm", "/dev/mqueue"].flatMap((folder) =>
    entries(folder).map((entry) => join(folder, entry.name)),
  );
  const systemV = (["shm", "sem", "msg"] as const).flatMap((kind) =>
    lines(`/proc/sysvipc/${kind}`)
      .slice(1)
      .map((line) => `System V ${kind} ${line.trim().split(/\s+/).slice(0, 2).join(" ")}`),
  );
  return [...files, ...systemV].map((name) => ({ kind: "shared memory", name }));
}

const sysctlFiles = [
  "net/ipv4/ip_forward",
  "net/ipv4/ip_unprivileged_port_start",
  "net/ipv4/ip_local_port_range",
  ...["all", "default"].flatMap((scope) => [
    ...["rp_filter", "route_localnet", "accept_redirects", "send_redirects", "arp_ignore"].map(
      (key) => `net/ipv4/conf/${scope}/${key}`,
    ),
    ...["forwarding", "accept_ra", "disable_ipv6"].map((key) => `net/ipv6/conf/${scope}/${key}`),
  ]),
  ...["iptables", "ip6tables", "arptables"].map((table) => `net/bridge/bridge-nf-call-${table}`),
  ...["hostname", "domainname", "core_pattern", "modprobe", "pid_max", "sem"].map((key) => `kernel/${key}`),
  ...["shmmax", "shmall", "shmmni", "shm_rmid_forced", "msgmax", "msgmnb", "msgmni"].map((key) => `kernel/${key}`),
  ...["msg_max", "msgsize_max", "queues_max"].map((key) => `fs/mqueue/${key}`),
  "fs/suid_dumpable",
  "vm/overcommit_memory",
  "user/max_user_namespaces",
];

function sysctls(): Item[] {
  return sysctlFiles.flatMap((file): Item[] => {
    const value = text(`/proc/sys/${file}`).trim();
    return value === "" ? [] : [{ kind: "sysctl", name: file.replaceAll("/", "."), value }];
  });
}

/** Addresses that CNI's host-local has given out, and results that libcni keeps for a DEL. */
function addresses(): Item[] {
  const networks = entries("/var/lib/cni/networks").filter((entry) => entry.isDirectory());
  const given = networks.flatMap((network) =>
    entries(join("/var/lib/cni/networks", network.name))
      .filter((entry) => entry.name !== "lock" && !entry.name.startsWith("last_reserved_ip"))
      .map((entry) => `${entry.name} of ${network.name}`),
  );
  const results = entries("/var/lib/cni/results").map((entry) => `result ${entry.name}`);
  return [...given, ...results].map((name) => ({ kind: "address", name }));
}

function loopDevices(): Item[] {
  return entries("/sys/block").flatMap((entry): Item[] => {
    const file = text(`/sys/block/${entry.name}/loop/backing_file`).trim();
    return file === "" ? [] : [{ kind: "loop device", name: `/dev/${entry.name} (${file})` }];
  });
}

/** State folders of ours and of the OCI runtimes, and temporary ones. */
function files(): Item[] {
  const named = [tmpdir(), "/run", "/var/lib", "/etc"].flatMap((folder) =>
    entries(folder)
      .filter((entry) => entry.name.startsWith("keelson"))
      .map((entry) => join(folder, entry.name)),
  );
  const runtimes = ["/run/crun", "/run/runc"].flatMap((folder) =>
    entries(folder).map((entry) => join(folder, entry.name)),
  );
  return [...named, ...runtimes].map((name) => ({ kind: "file", name }));
}

// Absent, gone meanwhile or not ours to see: nothing to report in each of these.

function entries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function lines(file: string): readonly string[] {
  return text(file)
    .split("\n")
    .filter((line) => line !== "");
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function output(program: string, ...args: string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: 10_000 });
  } catch {
    return ""; // the tool is not installed, or there is nothing that it could list
  }
}
