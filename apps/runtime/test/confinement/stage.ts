// One node with two pods, an ordinary one and one that has all of the host, and a way to look around in a container.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type ContainerStatus, NamespaceMode } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { busyboxImage } from "@keelson/image-store/build";
import { readCgroupLayout } from "../../../../packages/linux-engine/src/host/cgroup-layout.ts";
import { readHostFacts } from "../../../../packages/linux-engine/src/host/read-host-facts.ts";
import type { HostFacts } from "../../../../packages/linux-engine/src/spec/index.ts";
import {
  type ContainerOptions,
  containerConfig,
  exited,
  logFolder,
  logLines,
  type Pod,
  podConfig,
} from "../harness/pods.ts";
import { expectRefused, type Refusal } from "../harness/refusals.ts";
import { startNode, type TestNode } from "../harness/start-node.ts";
import { imageEntries } from "./image.ts";

/** What a container saw, and what its status said after its end. */
export interface Seen {
  /** What it wrote, stdout and stderr. */
  readonly text: string;
  readonly lines: readonly string[];
  readonly status: ContainerStatus;
  /** What the status reports as not kept as asked, by field. */
  readonly reported: ReadonlyMap<string, string>;
}

export interface Stage extends AsyncDisposable {
  readonly node: TestNode;
  readonly cri: CriConnection;
  readonly image: string;
  readonly facts: HostFacts;
  readonly pod: Pod;
  /** Privileged, in the host's network, process and IPC namespaces. */
  readonly hostPod: Pod;
  runPod(extra: object): Promise<Pod>;
  /** Runs a script to its end. */
  look(script: string, options?: Partial<ContainerOptions>, pod?: Pod): Promise<Seen>;
  /** Runs a container that waits; removed with the pods. @returns its ID */
  start(options?: Partial<ContainerOptions>, pod?: Pod): Promise<string>;
  /** Runs a script in a container that waits. @returns what it wrote */
  exec(containerId: string, script: string): Promise<string>;
  create(options: Partial<ContainerOptions>, pod?: Pod): Promise<string>;
  refused(...refusals: readonly Refusal[]): Promise<void>;
  /** What the network's first plugin was given to make the pod's interface. */
  networkRequest(pod: Pod): Promise<unknown>;
}

/** A CNI plugin that notes what it is asked for an ADD, and makes nothing: the next one does. */
const noting = (folder: string): string => `#!/bin/sh
case $CNI_COMMAND in
  ADD) cat >${folder}/$CNI_CONTAINERID && echo '{"cniVersion":"1.0.0"}' ;;
  VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}' ;;
  *) cat >/dev/null ;;
esac
`;

const { POD, NODE, CONTAINER } = NamespaceMode;
const ordinary = { network: POD, pid: CONTAINER, ipc: POD, usernsOptions: { mode: NODE } };

export async function openStage(podExtra: object, sysctls: Readonly<Record<string, string>>): Promise<Stage> {
  const notes = await mkdtemp(join(tmpdir(), "keelson-requests-"));
  await writeFile(join(notes, "note"), noting(notes), { mode: 0o755 });
  const node = await startNode({
    pluginFolder: notes,
    plugins: (bridge) => [{ type: "note", capabilities: { portMappings: true } }, bridge],
  });
  const cri = await node.connect();
  const image = await node.push("confined:1", busyboxImage({ layers: [imageEntries()] }));
  await cri.images.pullImage({ image: { image } });
  const facts = readHostFacts(readCgroupLayout(), "cgroupfs", { recursiveReadOnlyMounts: true });
  const runPod = async (extra: object): Promise<Pod> => {
    const sandboxConfig = podConfig({ logDirectory: logFolder(node.folder), extra });
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig });
    return { podSandboxId, sandboxConfig };
  };
  const namespaceOptions = { network: NODE, pid: NODE, ipc: NODE };
  const [pod, hostPod] = [
    await runPod({ ...podExtra, linux: { sysctls, securityContext: { namespaceOptions: ordinary } } }),
    await runPod({ hostname: "", linux: { securityContext: { namespaceOptions, privileged: true } } }),
  ];
  let count = 0;
  const create: Stage["create"] = async (options, in_ = pod) => {
    const config = containerConfig({ name: `c${count++}`, image, ...options });
    return (await cri.runtime.createContainer({ ...in_, config })).containerId;
  };
  const start: Stage["start"] = async (options = {}, in_) => {
    const containerId = await create(options, in_);
    await cri.runtime.startContainer({ containerId });
    return containerId;
  };
  await makeFolders(start, cri);
  return {
    node,
    cri,
    image,
    facts,
    pod,
    hostPod,
    runPod,
    create,
    start,
    async look(script, options = {}, in_) {
      const containerId = await start({ script: inOneStream(script), ...options }, in_);
      await exited(cri, containerId);
      const { status, info } = await cri.runtime.containerStatus({ containerId, verbose: true });
      if (status === undefined) throw new Error("no status");
      const { reported } = JSON.parse(info.info ?? "") as { readonly reported: { field: string; why: string }[] };
      const lines = await logLines(status.logPath);
      await cri.runtime.removeContainer({ containerId });
      await rm(dirname(status.logPath), { recursive: true });
      return { lines, text: lines.join("\n"), status, reported: new Map(reported.map((one) => [one.field, one.why])) };
    },
    async exec(containerId, script) {
      const { stdout } = await cri.runtime.execSync({
        containerId,
        cmd: ["sh", "-c", inOneStream(script)],
        timeout: 20n,
      });
      return Buffer.from(stdout).toString();
    },
    networkRequest: async ({ podSandboxId }) =>
      JSON.parse(await readFile(join(notes, podSandboxId), "utf8")) as unknown,
    async refused(...refusals) {
      await expectRefused(node, refusals);
    },
    async [Symbol.asyncDispose]() {
      cri.close();
      await node.close();
      await rm(notes, { recursive: true });
    },
  };
}

/** What goes to two streams has no order. */
const inOneStream = (script: string): string => `exec 2>&1\n${script}`;

/** The first container of a node makes folders that stay. */
async function makeFolders(start: Stage["start"], cri: CriConnection): Promise<void> {
  const containerId = await start({ script: "true" });
  await exited(cri, containerId);
  await cri.runtime.removeContainer({ containerId });
}

/** For a container that has of its pod what that has of the host. */
export const onHost: NonNullable<ContainerOptions["security"]> = {
  namespaceOptions: { network: NODE, pid: NODE, ipc: NODE },
};

/** A line `NAME: VALUE` of /proc/PID/status. */
export function statusLine(text: string, name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(.*?)\\s*$`, "m").exec(text)?.[1];
}

export const run: (program: string, ...args: string[]) => Promise<string> = async (program, ...args) =>
  (await promisify(execFile)(program, args)).stdout;

/** The mount options at a path, as the container's own mountinfo tells them; the last mount there counts. */
export function mountOptions(mountinfo: string, path: string): readonly string[] {
  const lines = mountinfo.split("\n").filter((line) => line.split(" ")[4] === path);
  return lines.at(-1)?.split(" ")[5]?.split(",") ?? [];
}

/** The namespaces of this process, a line each: `net:[4026531840]`. */
export const ownNamespaces = async (): Promise<string> =>
  (await run("sh", "-c", "for n in net ipc uts pid mnt cgroup; do readlink /proc/self/ns/$n; done")).trim();

/** A device of the machine that no container has of itself, and that root may open. */
export function hostDevice(): string {
  const found = ["/dev/loop-control", "/dev/fuse", "/dev/net/tun", "/dev/autofs"].find((path) => existsSync(path));
  if (found === undefined) throw new Error("this machine has none of the devices that the test knows");
  return found;
}
