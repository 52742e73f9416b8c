// What is around the pods of both runtimes: one conflist, and the cgroup that a kubelet would have made.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export interface PodNetwork extends AsyncDisposable {
  /** The folder with the conflist. */
  readonly confDir: string;
  /** Takes back what the bridge plugin keeps by design: its bridge and the forwarding of packets. Idempotent. */
  close(): Promise<void>;
}

const forwarding = "/proc/sys/net/ipv4/ip_forward";

/** A bridge with host-local addresses, under names of its own. */
export async function makePodNetwork(folder: string): Promise<PodNetwork> {
  const random = randomBytes(3);
  const bridge = `keelson-${random.toString("hex")}`;
  const confDir = join(folder, "net.d");
  const subnet = `10.${200 + (random.readUInt8(0) % 50)}.${random.readUInt8(1)}.0/24`;
  const ipam = {
    type: "host-local",
    dataDir: join(folder, "leases"),
    ranges: [[{ subnet }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  await mkdir(confDir);
  await writeFile(
    join(confDir, "10-bench.conflist"),
    JSON.stringify({
      cniVersion: "1.0.0",
      name: "bench",
      plugins: [{ type: "bridge", bridge, isGateway: true, ipam }],
    }),
  );
  const before = await readFile(forwarding, "utf8");
  const close = async (): Promise<void> => {
    if (existsSync(`/sys/class/net/${bridge}`)) await promisify(execFile)("busybox", ["ip", "link", "delete", bridge]);
    if ((await readFile(forwarding, "utf8")) !== before) await writeFile(forwarding, before);
  };
  return { confDir, close, [Symbol.asyncDispose]: close };
}

export interface PodCgroup extends AsyncDisposable {
  /** For `cgroup_parent`. */
  readonly path: string;
  /** Removes it with all empty cgroups below. Idempotent. */
  close(): Promise<void>;
}

/** A cgroup in every hierarchy of this machine, made before the pods as the kubelet makes it. */
export async function makePodCgroup(): Promise<PodCgroup> {
  const path = `/keelson-bench-${randomBytes(4).toString("hex")}`;
  const folders = (await cgroupMounts()).map((mount) => join(mount, path));
  for (const folder of folders) await mkdir(folder);
  const close = async (): Promise<void> => {
    for (const folder of folders) if (existsSync(folder)) await removeTree(folder);
  };
  return { path, close, [Symbol.asyncDispose]: close };
}

async function cgroupMounts(): Promise<readonly string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  // a mount over another one has the same place
  return [...new Set(lines.filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(" ")[4] ?? ""))];
}

async function removeTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  }
  await rmdir(folder);
}

/**
 * containerd's shims and CNI library have places of their own, whatever its configuration says. Removes those that were
 * not there before and are empty now. @returns what does it
 */
export function keepContainerdPlaces(): () => Promise<void> {
  const below = ["s", "fifo", "runc/k8s.io", "runc"].map((name) => join("/run/containerd", name));
  const places = [...below, "/run/containerd", "/var/lib/cni/results", "/var/lib/cni"];
  const missing = places.filter((place) => !existsSync(place));
  return async () => {
    for (const place of missing) {
      if (existsSync(place) && (await readdir(place)).length === 0) await rm(place, { recursive: true });
    }
  };
}
