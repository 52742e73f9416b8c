// What a node shows to others: sockets, files, memory maps, and what a container can make it look at.
import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CriConnection } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Canary } from "../../../packages/linux-engine/test/canary.ts";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { containerConfig, logFolder, type Pod, runPod, startContainer } from "./harness/pods.ts";
import { startNode, type TestNode } from "./harness/start-node.ts";

const repository = realpathSync(join(import.meta.dirname, "../../.."));

describe.skipIf(linuxGate.skip)("a node that runs", { timeout: 60_000 }, () => {
  let node: TestNode;
  let cri: CriConnection;
  let pod: Pod;
  let image: string;
  beforeAll(async () => {
    node = await startNode();
    cri = await node.connect();
    image = await node.push("exposed:1");
    await cri.images.pullImage({ image: { image } });
    pod = await runPod(cri, { logDirectory: logFolder(node.folder) });
  }, 60_000);
  afterAll(async () => {
    cri?.close();
    await node?.close();
  }, 60_000);

  test("T7.02: listens on no abstract socket, and on none that others than root can reach", async () => {
    const containerId = await startContainer(cri, pod, { image, name: "listening" });
    const names = unixSockets();
    const processes = processesNaming(node.folder);
    expect(processes.some(({ command }) => command.includes("conmon"))).toBe(true);
    const bound = processes.flatMap(({ pid }) => descriptors(pid).flatMap((target) => names.get(target) ?? []));
    // keelsond's, and conmon's for who attaches, which it names by a descriptor
    expect(bound.length).toBeGreaterThanOrEqual(2);
    expect(bound.filter((name) => name.startsWith("@"))).toEqual([]);
    const files = socketFiles(node.folder);
    expect(files.length).toBeGreaterThanOrEqual(2);
    for (const file of files) {
      expect([file, lstatSync(file).mode & 0o007]).toEqual([file, 0]);
      expect([file, closedAbove(file, node.folder)]).toEqual([file, true]);
    }
    // a pod with a network of its own sees the sockets of its own namespace
    const { stdout } = await cri.runtime.execSync({ containerId, cmd: ["cat", "/proc/net/unix"], timeout: 10n });
    expect(Buffer.from(stdout).toString()).not.toContain("@");
    await cri.runtime.removeContainer({ containerId });
  });

  test("T11.11 T12.06: runs without generated code, and with no file but its own and the system's libraries", () => {
    const own = processesNaming(node.folder).filter(({ command }) => /\/(?:main|\w+-process)\.ts /.test(command));
    expect(own.map(({ command }) => /(\w+(?:-process)?)\.ts /.exec(command)?.[1])).toEqual(
      expect.arrayContaining(["main", "fetcher-process", "applier-process"]),
    );
    for (const { pid, command } of own.filter(({ command }) => !command.includes("bwrap "))) {
      expect(command).toContain(" --disallow-code-generation-from-strings ");
      const mapped = new Set(
        readFileSync(`/proc/${pid}/maps`, "utf8")
          .match(/ \/\S.*$/gm)
          ?.map((line) => line.trim()),
      );
      expect(mapped.size).toBeGreaterThan(3);
      const foreign = [...mapped].filter((path) => !path.startsWith(`${repository}/`) && !/^\/(usr\/)?lib/.test(path));
      expect(foreign).toEqual([]);
    }
  });

  test("T2.05: looks at nothing of the host that a running container's links lead to", async () => {
    using canary = new Canary();
    const untouched = canary.state();
    const files = ["etc/passwd", "etc/group", "etc/hostname", "etc/resolv.conf", "dev/log", "proc-like", "run/x"];
    const targets = [`${canary.folder}/file`, `${canary.folder}/folder`, `/../../../..${canary.folder}`, canary.folder];
    const swaps = files.flatMap((file) => targets.map((target) => `swap ${target} /${file}`)).join("; ");
    const script = `swap() { ln -sfn $1 $2; }; while :; do ${swaps}; done 2>/dev/null`;
    const swapping = await startContainer(cri, pod, { image, name: "swapping", script });
    const idle = containerConfig({ image, name: "beside", script: "exec sleep 100" });
    let rounds = 0;
    for (const deadline = Date.now() + 3000; Date.now() < deadline; rounds++) {
      const { stdout, stderr } = await cri.runtime.execSync({
        containerId: swapping,
        cmd: ["sh", "-c", "cat /etc/passwd /etc/group /run/x /proc-like/file /proc-like/folder/inner; id"],
        timeout: 10n,
      });
      expect(Buffer.concat([stdout, stderr]).toString()).not.toMatch(/canary$/m);
      const { containerId } = await cri.runtime.createContainer({ ...pod, config: idle });
      const answers = await Promise.all([
        cri.runtime.containerStatus({ containerId: swapping, verbose: true }),
        cri.runtime.podSandboxStatus({ podSandboxId: pod.podSandboxId, verbose: true }),
        cri.images.imageFsInfo({}),
        cri.runtime.startContainer({ containerId }),
      ]);
      expect(answers).toHaveLength(4);
      await cri.runtime.removeContainer({ containerId });
      expect(canary.state()).toBe(untouched);
    }
    expect(rounds).toBeGreaterThan(1);
    const cmd = ["sh", "-c", "for f in /etc/passwd /proc-like; do until readlink $f; do :; done; done"];
    const { stdout } = await cri.runtime.execSync({ containerId: swapping, cmd, timeout: 10n });
    expect(Buffer.from(stdout).toString().match(new RegExp(canary.folder, "g"))).toHaveLength(2);
    await cri.runtime.removeContainer({ containerId: swapping });
    expect(canary.state()).toBe(untouched);
  });
});

/** Names of the unix sockets of this namespace, by what `/proc/PID/fd` calls them. */
function unixSockets(): ReadonlyMap<string, string> {
  const lines = readFileSync("/proc/net/unix", "utf8").split("\n").slice(1);
  return new Map(
    lines.flatMap((line) => {
      const [, , , , , , inode, name] = line.split(/\s+/);
      return name === undefined || name === "" ? [] : [[`socket:[${inode}]`, name]];
    }),
  );
}

function processesNaming(folder: string): readonly { readonly pid: string; readonly command: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return command.includes(folder) && !command.includes("docker-registry") ? [{ pid, command }] : [];
      } catch {
        return []; // it has ended meanwhile
      }
    });
}

function descriptors(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // it has ended meanwhile
  }
}

function socketFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isSocket())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Whether a folder between the file and `top` lets nobody but its owner in. */
function closedAbove(file: string, top: string): boolean {
  for (let folder = dirname(file); folder.startsWith(`${top}/`); folder = dirname(folder)) {
    if ((lstatSync(folder).mode & 0o077) === 0) return true;
  }
  return false;
}
