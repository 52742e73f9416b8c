// What a node has on its machine, as a list of names: two lists are the same when nothing was left behind between them.
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ownPrefix } from "../../../../packages/linux-engine/src/sandbox/sandbox-paths.ts";
import type { TestNode } from "./start-node.ts";

/** Folders of layers and root file systems are named, and not looked into. */
const depth = 5;

/** Mounts, files, cgroups, processes, network links and open descriptors of a node; what it still clears away is awaited. */
export async function traces(node: TestNode): Promise<readonly string[]> {
  const deadline = Date.now() + 5000;
  for (;;) {
    const found = await read(node);
    if (Date.now() > deadline || !found.some((one) => one.includes("/snapshots/tmp/waste-"))) return found;
    await delay(20);
  }
}

async function read(node: TestNode): Promise<readonly string[]> {
  const prefix = ownPrefix(node.root);
  const named = (text: string): boolean => text.includes(node.folder) || text.includes(prefix);
  const lists = await Promise.all([
    mounts(named),
    // a layer gets its mark a minute after its pull, whatever happens meanwhile
    files("file", node.folder, depth).then((names) => names.filter((name) => !name.endsWith("/flushed"))),
    files("pin", "/var/run/netns", 1).then((pins) => pins.filter(named)),
    cgroups(prefix),
    processes(node, named),
    links(node.bridge),
    descriptors(node),
  ]);
  // of equal names each has its number, so that a second one is seen
  const counts = new Map<string, number>();
  return lists.flat().map((name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}

/** Waits until a node has what it had, for at most some seconds: a process needs a moment to end. */
export async function untilAsBefore(node: TestNode, before: readonly string[]): Promise<void> {
  const deadline = Date.now() + 5000;
  for (;;) {
    const now = await traces(node);
    const differences = [...only(now, before, "left behind: "), ...only(before, now, "lost: ")];
    if (differences.length === 0) return;
    if (Date.now() > deadline) throw new Error(differences.join("\n"));
    await delay(20);
  }
}

function only(these: readonly string[], others: readonly string[], what: string): string[] {
  const known = new Set(others);
  return these.filter((one) => !known.has(one)).map((one) => what + one);
}

async function mounts(named: (text: string) => boolean): Promise<string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n").filter(named);
  return lines.map((line) => `mount ${line.split(" ")[4]}`);
}

async function files(kind: string, folder: string, levels: number): Promise<string[]> {
  if (levels === 0) return [];
  const entries = await readdir(folder, { withFileTypes: true }).catch(gone);
  const below = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      return [`${kind} ${path}`, ...(entry.isDirectory() ? await files(kind, path, levels - 1) : [])];
    }),
  );
  return below.flat();
}

async function cgroups(prefix: string): Promise<string[]> {
  const hierarchies = await readdir("/sys/fs/cgroup", { withFileTypes: true });
  const roots = ["/sys/fs/cgroup", ...hierarchies.map(({ name }) => join("/sys/fs/cgroup", name))];
  const found = await Promise.all(
    roots.map(async (root) => {
      const own = (await readdir(root).catch(gone)).filter((name) => name.startsWith(prefix));
      return await Promise.all(own.map((name) => folders(join(root, name))));
    }),
  );
  return found.flat(2).map((path) => `cgroup ${path}`);
}

async function folders(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(gone);
  const inner = entries.filter((entry) => entry.isDirectory()).map(({ name }) => folders(join(root, name)));
  return [root, ...(await Promise.all(inner)).flat()];
}

/** All but keelsond's own: it keeps the processes of pulls for a while. */
async function processes(node: TestNode, named: (text: string) => boolean): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [command, cgroup] = await Promise.all(
        ["cmdline", "cgroup"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")),
      );
      const text = (command ?? "").replaceAll("\0", " ").trim();
      const own = pid === String(node.pid) || /(?:fetcher|applier)-process\.ts/.test(text);
      return own || !(named(text) || named(cgroup ?? ""))
        ? []
        : [`process ${pid} ${text} in ${cgroup?.split("\n")[0]}`];
    }),
  );
  return found.flat();
}

async function links(bridge: string): Promise<string[]> {
  const ports = await readdir(`/sys/class/net/${bridge}/brif`).catch(gone);
  return ports.map((name) => `link ${name} of ${bridge}`);
}

/** What keelsond has open below its folders, without the numbers. */
async function descriptors(node: TestNode): Promise<string[]> {
  const folder = `/proc/${node.pid}/fd`;
  const targets = await Promise.all((await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => "")));
  return targets.filter((path) => path.startsWith(node.folder)).map((path) => `open ${path}`);
}

/** Gone while it was looked at, or never there. */
function gone(error: NodeJS.ErrnoException): [] {
  if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "EINVAL") return [];
  throw error;
}
