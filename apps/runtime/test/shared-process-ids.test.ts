// Pods whose containers share their process IDs: seen from inside, through restarts and crashes, and to the end.
import { readdir, readFile } from "node:fs/promises";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { NamespaceMode, PodSandboxState } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { type ContainerOptions, exited, logFolder, type Pod, podConfig, startContainer } from "./harness/pods.ts";
import { startNode, type TestNode } from "./harness/start-node.ts";
import { traces, untilAsBefore } from "./harness/traces.ts";

const { POD, NODE, CONTAINER } = NamespaceMode;
const crashes = 5;

describe.skipIf(linuxGate.skip)("a pod with shared process IDs", { timeout: 60_000 }, () => {
  let node: TestNode;
  let image: string;
  let cri: CriConnection;
  beforeAll(async () => {
    node = await startNode();
    image = await node.push("busybox:1");
    cri = await node.connect();
    await cri.images.pullImage({ image: { image } });
    // what the first sandbox makes for all of them is no trace of one
    await remove(await runPod());
  }, 60_000);
  afterEach(async () => {
    // for the tests after one that failed
    for (const { id } of (await cri.runtime.listPodSandbox({})).items) {
      await cri.runtime.stopPodSandbox({ podSandboxId: id });
      await cri.runtime.removePodSandbox({ podSandboxId: id });
    }
  });
  afterAll(async () => {
    cri?.close();
    await node?.close();
  }, 60_000);

  const config = (network: NamespaceMode = POD) => {
    const made = podConfig({ logDirectory: logFolder(node.folder), network });
    if (made.linux?.securityContext?.namespaceOptions !== undefined) {
      made.linux.securityContext.namespaceOptions.pid = POD;
    }
    return made;
  };
  const runPod = async (network?: NamespaceMode): Promise<Pod> => {
    const sandboxConfig = config(network);
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig });
    return { podSandboxId, sandboxConfig };
  };
  const start = (pod: Pod, options: Partial<ContainerOptions> = {}): Promise<string> =>
    startContainer(cri, pod, {
      image,
      ...options,
      security: { namespaceOptions: { network: POD, pid: POD, usernsOptions: { mode: NODE } }, ...options.security },
    });
  const exec = async (containerId: string, script: string): Promise<string> => {
    const { stdout, stderr } = await cri.runtime.execSync({ containerId, cmd: ["sh", "-c", script], timeout: 20n });
    return Buffer.concat([stdout, stderr]).toString();
  };
  const remove = async (pod: Pod): Promise<void> => {
    await cri.runtime.stopPodSandbox(pod);
    await cri.runtime.removePodSandbox(pod);
  };
  /** The first process, by its ID on the host. */
  const firstProcess = async (pod: Pod): Promise<number> => {
    const { info } = await cri.runtime.podSandboxStatus({ podSandboxId: pod.podSandboxId, verbose: true });
    return (JSON.parse(info.info ?? "{}") as { readonly pid: number }).pid;
  };
  const stateOf = async (pod: Pod): Promise<PodSandboxState | undefined> =>
    (await cri.runtime.podSandboxStatus({ podSandboxId: pod.podSandboxId })).status?.state;
  const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
    const deadline = Date.now() + 20_000;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`${what}: not within 20 s`);
      await delay(20);
    }
  };

  it("has containers that see and signal each other's processes, and one first process above them", async () => {
    const pod = await runPod();
    const one = await start(pod, { name: "one", script: "trap 'exit 9' USR1; sleep 1000 & wait" });
    const other = await start(pod, { name: "other", command: ["sleep", "2000"] });
    const apart = await start(pod, {
      name: "apart",
      security: { namespaceOptions: { network: POD, pid: CONTAINER, usernsOptions: { mode: NODE } } },
    });
    const seen = await exec(one, "cat /proc/1/comm; pidof sleep | wc -w; cat /proc/[0-9]*/cmdline | tr '\\0' ' '");
    expect(seen).toMatch(/^init\n2\n/);
    expect(seen).toContain("sleep 2000");
    expect(await exec(apart, "cat /proc/1/comm; cat /proc/[0-9]*/cmdline")).not.toContain("2000");
    const ids = "for n in pid net ipc uts; do readlink /proc/self/ns/$n; done";
    expect(await exec(other, ids)).toBe(await exec(one, ids));
    // neither is the first one, so that an unhandled signal ends it
    await exec(one, killWith("TERM", "sleep.[2]000"));
    expect(await exited(cri, other)).toMatchObject({ exitCode: 143, reason: "Error" });
    await exec(apart, "true");
    await exec(one, killWith("USR1", "[t]rap"));
    expect((await exited(cri, one)).exitCode).toBe(9);
    await remove(pod);
  });

  it("leaves no zombies, and its first process lets nobody inside end or enter it", async () => {
    const pod = await runPod();
    const id = await start(pod);
    await exec(id, "for i in 1 2 3 4 5; do (sleep 0.05 & ) ; done");
    await until("orphans are gone", async () => (await exec(id, "pidof sleep | wc -w")).trim() === "1");
    expect(await exec(id, "grep -l '^State:.*Z' /proc/[0-9]*/status; kill -9 1; kill -TERM 1; cat /proc/1/comm")).toBe(
      "init\n",
    );
    expect(
      await exec(id, "ls /proc/1/root /proc/1/cwd/; readlink /proc/1/fd/0; readlink /proc/1/ns/pid; id -u"),
    ).toMatch(/^0\n(ls: .*: Permission denied\n)+$/);
    const first = await firstProcess(pod);
    const status = await readFile(`/proc/${first}/status`, "utf8");
    expect(status).toMatch(/^Uid:\t65535\t65535\t65535\t65535$/m);
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    const mounts = (await readFile(`/proc/${first}/mountinfo`, "utf8")).split("\n").filter((line) => line !== "");
    expect(mounts[0]?.split(" ").slice(4, 6)).toEqual(["/", expect.stringContaining("ro")]);
    expect(mounts.map((line) => line.split(" - ")[1]?.split(" ")[0])).not.toContain("sysfs");
    await remove(pod);
  });

  it("in the host's network has a first process that is not", async () => {
    const pod = await runPod(NODE);
    const id = await start(pod, {
      security: { namespaceOptions: { network: NODE, pid: POD, usernsOptions: { mode: NODE } } },
    });
    expect(await exec(id, "cat /proc/1/comm")).toBe("init\n");
    const links = await readFile(`/proc/${await firstProcess(pod)}/net/dev`, "utf8");
    expect(links.split("\n").filter((line) => line.includes(":"))).toHaveLength(1);
    await remove(pod);
  });

  it("goes on through a crash of the daemon, with the same first process", async () => {
    const pod = await runPod();
    const one = await start(pod, { name: "one" });
    const first = await firstProcess(pod);
    await node.stop("SIGKILL");
    await node.start();
    expect(await stateOf(pod)).toBe(PodSandboxState.SANDBOX_READY);
    expect(await firstProcess(pod)).toBe(first);
    const other = await start(pod, { name: "other" });
    expect(await exec(other, "readlink /proc/self/ns/pid")).toBe(await exec(one, "readlink /proc/self/ns/pid"));
    process.kill(first, "SIGKILL");
    await until("its loss is seen", async () => (await stateOf(pod)) === PodSandboxState.SANDBOX_NOTREADY);
    await remove(pod);
  });

  it("is NOTREADY as soon as its first process ends, with all that ran in it, and is given back", async () => {
    const before = await traces(node);
    const pod = await runPod();
    const id = await start(pod);
    process.kill(await firstProcess(pod), "SIGKILL");
    expect(await exited(cri, id)).toMatchObject({ exitCode: 137 });
    const began = Date.now();
    await until("its loss is seen", async () => (await stateOf(pod)) === PodSandboxState.SANDBOX_NOTREADY);
    expect(Date.now() - began).toBeLessThan(5000); // sooner than the next look at all sandboxes is sure to come
    await expect(start(pod, { name: "late" })).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    await remove(pod);
    await untilAsBefore(node, before);
  });

  it("whose first process ends while the daemon is away is lost after it", async () => {
    const pod = await runPod();
    const first = await firstProcess(pod);
    await node.stop("SIGKILL");
    process.kill(first, "SIGKILL");
    await node.start();
    expect(await stateOf(pod)).toBe(PodSandboxState.SANDBOX_NOTREADY);
    await remove(pod);
  });

  it(`leaves nothing when the daemon is killed while it is made, ${crashes} times`, { timeout: 180_000 }, async () => {
    const before = await traces(node);
    for (let crash = 0; crash < crashes; crash++) {
      const running = runPod().catch(() => undefined);
      await delay(Math.random() * 150);
      await node.stop("SIGKILL");
      await running;
      await node.start();
      for (const { id } of (await cri.runtime.listPodSandbox({})).items) {
        await cri.runtime.stopPodSandbox({ podSandboxId: id });
        await cri.runtime.removePodSandbox({ podSandboxId: id });
      }
    }
    await untilAsBefore(node, before);
    expect(await processesCalled("init", node.folder)).toEqual([]);
  });
});

/** A script that signals every process with such a command line. */
const killWith = (signal: string, pattern: string): string =>
  `for p in /proc/[0-9]*; do ! grep -q '${pattern}' $p/cmdline || kill -${signal} \${p#/proc/}; done`;

/** Processes of this name with a mount of the folder. */
async function processesCalled(name: string, folder: string): Promise<readonly string[]> {
  const read = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");
  const pids = (await readdir("/proc")).filter((one) => /^\d+$/.test(one));
  const found: string[] = [];
  for (const pid of pids) {
    if ((await read(`/proc/${pid}/comm`)) !== `${name}\n`) continue;
    if ((await read(`/proc/${pid}/mountinfo`)).includes(folder)) found.push(pid);
  }
  return found;
}
