import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { isCriError } from "@keelson/cri-api/errors";
import { parseLogLine } from "@keelson/cri-api/logs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { makeCgroup } from "../src/cgroup/cgroup-folders.ts";
import { type CgroupLayout, readCgroupLayout } from "../src/host/cgroup-layout.ts";
import type { EngineLog } from "../src/log.ts";
import { type ConmonOptions, type Monitored, startMonitor } from "../src/oci/conmon.ts";
import { cgroupFolder, cgroupFolderOf, cgroupProcesses, endCgroup } from "../src/oci/container-cgroup.ts";
import { type CommandRequest, runCommand } from "../src/oci/exec.ts";
import { readExitFile } from "../src/oci/exit-file.ts";
import { makeMonitorCgroup } from "../src/oci/monitor-cgroup.ts";
import { OciRuntime } from "../src/oci/oci-runtime.ts";
import type { Process } from "../src/spec/runtime-spec.ts";
import { readProcessStat } from "../src/sys/pidfd.ts";
import { setXattr } from "../src/sys/xattr.ts";
import { makeBusyboxRootfs, makeTestFolder, writeBundle } from "./busybox-bundle.ts";
import { removeTestCgroups } from "./test-cgroups.ts";
import { until } from "./until.ts";

const silent: EngineLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

describe.skipIf(linuxGate.skip)("a container under conmon", () => {
  let folder: string;
  let rootfs: string;
  let cgroupParent: string;
  let conmon: ConmonOptions;
  let real: OciRuntime;
  let runtime: OciRuntime;
  let layout: CgroupLayout;
  const started: string[] = [];

  beforeEach(() => {
    folder = makeTestFolder();
    rootfs = makeBusyboxRootfs(folder);
    cgroupParent = `/${basename(folder)}`;
    layout = readCgroupLayout();
    conmon = { path: "/usr/bin/conmon", exitFolder: join(folder, "exits"), tmpFolder: join(folder, "tmp") };
    for (const name of ["exits", "tmp", "runtime"]) mkdirSync(join(folder, name));
    real = new OciRuntime({ path: "/usr/sbin/runc", stateFolder: join(folder, "runtime"), systemdCgroup: false });
    runtime = real;
  });

  afterEach(async () => {
    for (const id of started.splice(0)) await real.delete(id);
    removeTestCgroups(cgroupParent);
    rmSync(folder, { recursive: true });
  });

  async function create(id: string, args: readonly string[]): Promise<Monitored> {
    const bundle = join(folder, id);
    writeBundle({ folder: bundle, rootfs, args, cgroupsPath: `${cgroupParent}/${id}` });
    started.push(id);
    const request = {
      id,
      bundle,
      persistFolder: bundle,
      pidFile: join(bundle, "pid"),
      logPath: join(bundle, "log"),
      terminal: false,
      stdin: false,
      stdinOnce: false,
    };
    return await startMonitor(conmon, runtime, request, new AbortController().signal);
  }

  async function running(id: string, script: string): Promise<Monitored & { readonly cgroup: string }> {
    const monitored = await create(id, ["/bin/sh", "-c", script]);
    const cgroup = cgroupFolderOf(layout, monitored.pid);
    if (cgroup === undefined) throw new Error("the container has no cgroup");
    await runtime.start(id);
    return { ...monitored, cgroup };
  }

  function command(id: string, cgroup: string, args: readonly string[], more: Partial<CommandRequest> = {}) {
    const config = JSON.parse(readFileSync(join(folder, id, "config.json"), "utf8")) as { process: Process };
    return runCommand(
      { conmon, runtime, layout },
      {
        id,
        process: { ...config.process, args },
        cgroup,
        workFolder: join(folder, id, "execs"),
        timeoutMs: undefined,
        signal: new AbortController().signal,
        ...more,
      },
    );
  }

  it("runs to its exit code, which the exit file tells with its time", async () => {
    const code = 1 + Math.floor(Math.random() * 200);
    const { monitor } = await running("c", `echo to stdout; echo to stderr >&2; exit ${code}`);
    await monitor.exited;
    const exit = await readExitFile(join(conmon.exitFolder, "c"));
    expect(exit?.code).toBe(code);
    const lines = readFileSync(join(folder, "c", "log"), "utf8")
      .trimEnd()
      .split("\n")
      .map(parseLogLine);
    expect(lines.map((line) => [line?.stream, line?.partial, line?.text]).toSorted()).toEqual([
      ["stderr", false, "to stderr"],
      ["stdout", false, "to stdout"],
    ]);
    const last = Math.max(...lines.map((line) => Date.parse(line?.time ?? "")));
    expect(Number((exit?.finishedAtNs ?? 0n) / 1_000_000n)).toBeGreaterThanOrEqual(last - 10); // a file's time is a tick's
  });

  it("runs in a cgroup of our service, and the container in its own", async () => {
    const service = `${cgroupParent}/test.service`;
    makeCgroup(layout, service);
    const names = layout.version === 2 ? [""] : [...layout.mounts.keys()];
    const own = names.map((name) => `1:${name}:${service}`).join("\n");
    expect(makeMonitorCgroup(layout, silent, own)).toBeUndefined(); // somebody else's: not delegated
    const hierarchy = layout.version === 2 ? layout.unified : layout.mounts.get("name=systemd");
    const fd = openSync(join(hierarchy ?? "", service), "r");
    setXattr(fd, "trusted.delegate", Buffer.from("1")); // as systemd does for Delegate=yes
    closeSync(fd);
    conmon = { ...conmon, cgroup: makeMonitorCgroup(layout, silent, own) };
    const { monitor, cgroup } = await running("c", "sleep 1000");
    expect(cgroupFolderOf(layout, monitor.pid)).toBe(cgroupFolder(layout, `${service}/monitors`));
    expect(cgroup).toBe(cgroupFolder(layout, `${cgroupParent}/c`));
    await endCgroup(layout, cgroup);
    await monitor.exited;
  });

  it("T3.01: hands the OCI runtime no descriptor but 0 to 2, and conmon none of ours", async () => {
    const ours = join(folder, "a file of ours");
    const stub = join(folder, "stub");
    const lists = [`ls /proc/self/fd > ${folder}/runtime-fds`, `ls -l /proc/$PPID/fd > ${folder}/conmon-fds`];
    writeFileSync(stub, `#!/bin/sh\n${lists.join("\n")}\nexit 1\n`, { mode: 0o755 });
    runtime = new OciRuntime({ path: stub, stateFolder: join(folder, "runtime"), systemdCgroup: false });
    const open = openSync(ours, "w");
    try {
      await expect(create("c", ["/bin/true"])).rejects.toThrow(/failed without a word/);
    } finally {
      closeSync(open);
    }
    // The fourth is the folder that ls lists.
    expect(readFileSync(join(folder, "runtime-fds"), "utf8").trim().split("\n")).toEqual(["0", "1", "2", "3"]);
    const held = readFileSync(join(folder, "conmon-fds"), "utf8");
    expect(held).toContain(join(folder, "c", "log"));
    expect(held).not.toContain(ours);
  });

  it("fails to create with NOT_FOUND when the command is not there, and leaves no process", async () => {
    for (const name of ["/bin/nope", "nope"]) {
      const failure = await create("c", [name]).catch((error: unknown) => error);
      expect(isCriError(failure, "NOT_FOUND"), String(failure)).toBe(true);
      expect(String(failure)).toMatch(/not found|no such file/);
      expect(cgroupProcesses(`${layout.mounts.get("freezer") ?? layout.unified}${cgroupParent}`)).toEqual([]);
    }
  });

  it("runs commands: output, exit code, signal", async () => {
    const { cgroup } = await running("c", "sleep 1000");
    const result = await command("c", cgroup, ["/bin/sh", "-c", "echo out; echo err >&2; exit 5"]);
    expect(Buffer.from(result.stdout).toString()).toBe("out\n");
    expect(Buffer.from(result.stderr).toString()).toBe("err\n");
    expect(result.exitCode).toBe(5);
    expect((await command("c", cgroup, ["/bin/sh", "-c", "kill -9 $$"])).exitCode).toBe(137);
    expect(existsSync(join(cgroup, "cgroup.procs"))).toBe(true);
    expect(statSync(join(folder, "c", "execs")).isDirectory()).toBe(true);
  });

  it("tells a missing command from one that fails with 127", async () => {
    const { cgroup } = await running("c", "sleep 1000");
    const failure = await command("c", cgroup, ["/bin/nope"]).catch((error: unknown) => error);
    expect(isCriError(failure, "NOT_FOUND"), String(failure)).toBe(true);
    expect((await command("c", cgroup, ["/bin/sh", "-c", "nope"])).exitCode).toBe(127);
    const denied = await command("c", cgroup, ["/etc"]).catch((error: unknown) => error);
    expect(isCriError(denied, "FAILED_PRECONDITION"), String(denied)).toBe(true);
  });

  it("ends every process of a command at its timeout, also those that left its session", async () => {
    const { cgroup } = await running("c", "sleep 1000");
    const before = cgroupProcesses(cgroup);
    const script = "setsid sleep 777 & (sleep 778 &) ; echo begun; sleep 779";
    const failure = await command("c", cgroup, ["/bin/sh", "-c", script], { timeoutMs: 400 }).catch(
      (error: unknown) => error,
    );
    expect(isCriError(failure, "DEADLINE_EXCEEDED"), String(failure)).toBe(true);
    expect(cgroupProcesses(cgroup)).toEqual(before);
  });

  it("ends a command with its caller", async () => {
    const { cgroup } = await running("c", "sleep 1000");
    const before = cgroupProcesses(cgroup);
    const caller = new AbortController();
    const running1 = command("c", cgroup, ["/bin/sh", "-c", "sleep 779"], { signal: caller.signal });
    await until(() => cgroupProcesses(cgroup).length !== before.length);
    caller.abort(new Error("gone"));
    const failure = await running1.catch((error: unknown) => error);
    expect(isCriError(failure, "CANCELED"), String(failure)).toBe(true);
    expect(cgroupProcesses(cgroup)).toEqual(before);
  });

  it("T8.02: answers at the command's exit though a background process holds its output", async () => {
    const { cgroup } = await running("c", "sleep 1000");
    const begun = performance.now();
    const result = await command("c", cgroup, ["/bin/sh", "-c", "sleep 600 & echo done"]);
    expect(performance.now() - begun).toBeLessThan(60_000);
    expect(result.exitCode).toBe(0);
    expect(Buffer.from(result.stdout).toString()).toBe("done\n");
    expect(cgroupProcesses(cgroup)).toHaveLength(2); // what it left in the background lives on
  });

  it("T8.01: keeps less than 16 MiB of both streams together and marks what was dropped", async () => {
    const { cgroup } = await running("c", "sleep 1000");
    const script = "head -c 12000000 /dev/zero; head -c 12000000 /dev/zero >&2";
    const { stdout, stderr, exitCode } = await command("c", cgroup, ["/bin/sh", "-c", script]);
    expect(exitCode).toBe(0);
    expect(stdout.length + stderr.length).toBeLessThan(16 * 1024 * 1024);
    expect(stdout.length + stderr.length).toBeGreaterThan(15 * 1024 * 1024);
    expect(Buffer.from(stderr.subarray(-50)).toString()).toContain("was dropped");
  });

  it("T8.01: stays small and answers while commands write without end", async () => {
    const { cgroup } = await running("c", "sleep 1000");
    const before = process.memoryUsage().rss;
    const delays = monitorEventLoopDelay();
    delays.enable();
    const count = 8;
    const floods = Array.from({ length: count }, () => command("c", cgroup, ["/bin/yes"], { timeoutMs: 1_500 }));
    const failures = await Promise.all(floods.map((flood) => flood.catch((error: unknown) => error)));
    delays.disable();
    expect(failures.map((error) => isCriError(error, "DEADLINE_EXCEEDED"))).toEqual(Array(count).fill(true));
    expect(delays.max / 1e6).toBeLessThan(1_000);
    expect(process.memoryUsage().rss - before).toBeLessThan((count * 16 + 128) * 1024 * 1024);
    expect(cgroupProcesses(cgroup)).toHaveLength(1);
  });

  it("ends every process of a container, also while they fork", async () => {
    const { cgroup, monitor, pid } = await running("c", "while true; do sleep 1000 & done");
    await until(() => cgroupProcesses(cgroup).length >= 20);
    await endCgroup(layout, cgroup);
    expect(cgroupProcesses(cgroup)).toEqual([]);
    await monitor.exited;
    expect(readProcessStat(pid)).toBeUndefined();
    expect((await readExitFile(join(conmon.exitFolder, "c")))?.code).toBe(137);
  });
});
