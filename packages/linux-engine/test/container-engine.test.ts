import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { canceled, isCriError } from "@keelson/cri-api/errors";
import { KeyValueSchema, LinuxContainerResourcesSchema } from "@keelson/cri-api/v1";
import type { ContainerRecord, Json, SandboxRecord, Task } from "@keelson/runtime-core/ports";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { readCgroupLayout } from "../src/host/cgroup-layout.ts";
import { cgroupFolder, cgroupProcesses } from "../src/oci/container-cgroup.ts";
import { ownPrefix } from "../src/sandbox/sandbox-paths.ts";
import { findProgram } from "../src/sys/find-program.ts";
import { TestNode } from "./test-node.ts";

describe.skipIf(linuxGate.skip)("containers of the Linux engine", () => {
  let node: TestNode;
  let pod: SandboxRecord;

  beforeAll(async () => {
    node = new TestNode();
    await node.open();
    pod = await node.runSandbox();
  });
  afterAll(() => node.close());

  it("run to their exit code, with log lines in CRI format and times in order", async () => {
    const code = 1 + Math.floor(Math.random() * 200);
    const id = await node.run(pod, `echo hello; echo trouble >&2; exit ${code}`);
    const exit = await node.exit(id);
    expect(exit).toMatchObject({ code, reason: "Error" });
    expect(node.log(id).toSorted()).toEqual(["stderr trouble", "stdout hello"]);
    const { started, logPath } = node.container(id);
    expect(exit.finishedAtNs).toBeGreaterThanOrEqual(started?.startedAtNs ?? 0n);
    expect(statSync(logPath).mode & 0o777).toBe(0o640);
  });

  it("tell 0 as Completed and a signal as 128 + its number", async () => {
    const [good, killed] = await Promise.all([node.run(pod, "exit 0"), node.run(pod, "kill -9 $$; sleep 100")]);
    expect(await node.exit(good)).toMatchObject({ code: 0, reason: "Completed" });
    // The first process of a PID namespace is immune to its own signals, so the shell goes on until it is killed.
    await node.engine.containers.signal(node.container(killed), "kill");
    expect(await node.exit(killed)).toMatchObject({ code: 137, reason: "Error" });
  });

  it("get their stop signal, and can end by it", async () => {
    const id = await node.run(pod, "trap 'echo asked; exit 3' TERM; echo ready; while true; do sleep 0.05; done");
    await node.untilLogged(id, "stdout ready");
    await node.engine.containers.signal(node.container(id), "stop");
    expect(await node.exit(id)).toMatchObject({ code: 3 });
    expect(node.log(id)).toContain("stdout asked");
    await node.engine.containers.signal(node.container(id), "stop"); // it has ended: that is no error
  });

  it("get a stop signal that comes before they have set a handler for it", async () => {
    const script =
      "echo begun; until [ -e /tmp/go ]; do sleep 0.02; done; trap 'exit 4' TERM; while true; do sleep 0.05; done";
    const id = await node.run(pod, script);
    await node.untilLogged(id, "stdout begun");
    const sent = node.engine.containers.signal(node.container(id), "stop");
    writeFileSync(join(node.state, "rootfs", id, "tmp/go"), "");
    await sent;
    expect(await node.exit(id)).toMatchObject({ code: 4 });
  });

  it("that never take their stop signal are sent none, and the sending ends with them", async () => {
    const id = await node.run(pod, "echo begun; while true; do sleep 0.05; done");
    await node.untilLogged(id, "stdout begun");
    const sent = node.engine.containers.signal(node.container(id), "stop");
    await node.engine.containers.signal(node.container(id), "kill");
    await sent;
    expect(await node.exit(id)).toMatchObject({ code: 137 });
  });

  it("end with every process of theirs on kill", async () => {
    const id = await node.run(pod, "trap '' TERM; setsid sleep 900 & sleep 901 & echo ready; wait");
    await node.untilLogged(id, "stdout ready");
    await node.engine.containers.signal(node.container(id), "kill");
    expect((await node.exit(id)).code).toBe(137);
    expect(processesOf(node, node.container(id))).toEqual([]);
  });

  it("run commands, with the container's environment and user", async () => {
    const id = await node.run(pod, "sleep 1000", (config) => {
      config.envs = [create(KeyValueSchema, { key: "A", value: Buffer.from("b") })];
    });
    const { exitCode, stdout } = await node.exec(id, ["/bin/sh", "-c", "echo $A; id -u; exit 4"]);
    expect([exitCode, Buffer.from(stdout).toString()]).toEqual([4, "b\n0\n"]);
    const missing = await node.exec(id, ["nope"]).catch((error: unknown) => error);
    expect(isCriError(missing, "NOT_FOUND"), String(missing)).toBe(true);
    const late = await node.exec(id, ["sleep", "900"], 300).catch((error: unknown) => error);
    expect(isCriError(late, "DEADLINE_EXCEEDED"), String(late)).toBe(true);
    await node.engine.containers.signal(node.container(id), "kill");
    await node.exit(id);
    const dead = await node.exec(id, ["id"]).catch((error: unknown) => error);
    expect(isCriError(dead, "FAILED_PRECONDITION"), String(dead)).toBe(true);
  });

  it("fail to start with NOT_FOUND when the command is not in the image, and leave no process", async () => {
    const id = await node.create(pod, ["/bin/nope"]);
    const failure = await node.start(id).catch((error: unknown) => error);
    expect(isCriError(failure, "NOT_FOUND"), String(failure)).toBe(true);
    expect(String(failure)).toContain("/bin/nope");
    expect(node.container(id).steps.map((one) => one.name)).toEqual(["hold-image", "mount-rootfs", "write-bundle"]);
    expect(processesOf(node, node.container(id))).toEqual([]);
  });

  it("leave no process when their start is given up, whenever that is", async () => {
    for (const afterMs of [0, 5, 15, 40]) {
      const id = await node.create(pod, "sleep 1000");
      const given = new AbortController();
      const task: Task = {
        signal: given.signal,
        stage: () => void setTimeout(() => given.abort(canceled("start container: given up")), afterMs),
      };
      const start = node.engine.containers.start(node.container(id), pod, node.journal(id), task);
      await start.then(
        () => node.change(id, { started: { startedAtNs: 1n, pid: 1 } }), // it was faster: `close` ends it
        (error: unknown) => {
          expect(isCriError(error, "CANCELED"), String(error)).toBe(true);
          expect(processesOf(node, node.container(id))).toEqual([]);
          expect(readdirSync(join(node.state, "oci"), { recursive: true })).not.toContainEqual(
            expect.stringContaining(id),
          );
          expect(node.container(id).steps.map((one) => one.name)).not.toContain("run-monitor");
        },
      );
    }
  });

  it("leave nothing when they are removed", async () => {
    const id = await node.run(pod, "exit 0", (config) => {
      config.logPath = "";
    });
    await node.exit(id);
    await node.remove(id);
    for (const folder of ["containers", "rootfs", "exits"])
      expect(readdirSync(join(node.state, folder))).not.toContain(id);
    expect(readdirSync(join(node.root, "test-snapshots"))).not.toContain(id);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(id);
    expect(existsSync(cgroupOf(node, id, pod.id))).toBe(false);
  });

  it("leave nothing when their create fails", async () => {
    const before = ["containers", "rootfs"].map((folder) => readdirSync(join(node.state, folder)));
    const climbing = node.create(pod, "exit 0", (config) => {
      config.logPath = "../out.log";
    });
    const failure = await climbing.catch((error: unknown) => error);
    expect(isCriError(failure, "INVALID_ARGUMENT"), String(failure)).toBe(true);
    expect(["containers", "rootfs"].map((folder) => readdirSync(join(node.state, folder)))).toEqual(before);
  });

  it("write to their own layer and never to the image's", async () => {
    const first = await node.run(pod, "echo mine > /tmp/file; cat /tmp/file");
    await node.exit(first);
    const second = await node.run(pod, "cat /tmp/file || echo clean");
    await node.exit(second);
    expect(node.log(first)).toEqual(["stdout mine"]);
    expect(node.log(second)).toContain("stdout clean");
    expect(readdirSync(join(node.layer, "tmp"))).toEqual([]);
  });

  it("are killed beyond their memory limit, which is told as OOMKilled (T6.03: conmon lives to tell it)", async () => {
    const hog = "x=a; while true; do x=$x$x; done";
    const id = await node.run(pod, hog, ({ linux }) => {
      if (linux === undefined) throw new Error("the test's configuration has no linux part");
      linux.resources = create(LinuxContainerResourcesSchema, { memoryLimitInBytes: 16n * 1024n * 1024n });
    });
    expect(await node.exit(id)).toMatchObject({ code: 137, reason: "OOMKilled" });
  });

  it("T3.03: cannot reach the OCI runtime's own file by running /proc/self/exe", async () => {
    const runtime = findProgram("runc") ?? findProgram("crun") ?? "";
    const before = readFileSync(runtime);
    writeFileSync(join(node.layer, "bin/evil"), "#!/proc/self/exe\n", { mode: 0o755 });
    const id = await node.create(pod, ["/bin/evil"]);
    await node.start(id).then(
      () => node.exit(id),
      () => undefined, // a runtime may also refuse to start it
    );
    expect(readFileSync(runtime).equals(before)).toBe(true);
  });

  it("T3.04: refuse an image whose /dev, /proc or /sys is a link, before the OCI runtime sees it", async () => {
    const canary = mkdtempSync(join(node.folder, "canary-"));
    for (const name of ["dev", "proc", "sys"]) {
      rmdirSync(join(node.layer, name));
      symlinkSync(canary, join(node.layer, name));
      const failure = await node.create(pod, "exit 0").catch((error: unknown) => error);
      unlinkSync(join(node.layer, name));
      mkdirSync(join(node.layer, name));
      expect(isCriError(failure, "FAILED_PRECONDITION"), String(failure)).toBe(true);
      expect(String(failure)).toContain(`/${name}`);
    }
    expect(readdirSync(canary)).toEqual([]);
  });

  it("T7.01: keep their files to root, whatever they write themselves", async () => {
    const id = await node.run(pod, "touch /tmp/open; chmod 777 /tmp/open /tmp; sleep 1000");
    for (const folder of [node.root, node.state]) {
      expect(statSync(folder)).toMatchObject({ uid: 0 });
      expect(statSync(folder).mode & 0o077).toBe(0);
    }
    expect(statSync(join(node.state, "containers", id)).mode & 0o077).toBe(0);
  });

  it("are shown in containerd's form", async () => {
    const id = await node.run(pod, "sleep 1000");
    const { info } = await node.engine.containers.inspect(node.container(id));
    const shown = info as { readonly [key: string]: Json };
    expect(shown).toMatchObject({ sandboxID: pod.id, snapshotKey: id, snapshotter: "overlayfs", removing: false });
    expect(shown.pid).toBe(node.container(id).started?.pid);
    expect((shown.runtimeSpec as { process: { args: string[] } }).process.args).toEqual([
      "/bin/sh",
      "-c",
      "sleep 1000",
    ]);
  });
});

function cgroupOf(node: TestNode, id: string, sandboxId: string): string {
  return cgroupFolder(readCgroupLayout(), `/${ownPrefix(node.root)}/${sandboxId}/${id}`);
}

function processesOf(node: TestNode, record: ContainerRecord): readonly number[] {
  return cgroupProcesses(cgroupOf(node, record.id, record.sandboxId));
}
