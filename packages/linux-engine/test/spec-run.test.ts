import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { NamespaceMode, SecurityProfile_ProfileType } from "@keelson/cri-api/v1";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { readCgroupLayout } from "../src/host/cgroup-layout.ts";
import { readCapabilities, readHostFacts } from "../src/host/read-host-facts.ts";
import { buildContainerSpec, type ContainerSpecInput, serializeSpec } from "../src/spec/index.ts";
import { findProgram } from "../src/sys/find-program.ts";
import { makeBusyboxRootfs, makeTestFolder } from "./busybox-bundle.ts";
import { containerConfig, sandboxConfig, specInput } from "./spec/fixtures.ts";
import { socketCalls, socketPrograms } from "./spec/socket-programs.ts";
import { removeTestCgroups } from "./test-cgroups.ts";

const { CONTAINER, NODE } = NamespaceMode;
const namespaceOptions = { network: NODE, ipc: NODE, pid: CONTAINER };
const seccomp = { profileType: SecurityProfile_ProfileType.RuntimeDefault };

// runc: crun 1.8 does not start on hybrid cgroups, and here the specification is what is tried.
describe.skipIf(linuxGate.skip || findProgram("runc") === undefined)("a container by its specification", () => {
  let folder: string;
  let rootfs: string;
  const facts = linuxGate.skip
    ? undefined
    : readHostFacts(readCgroupLayout(), "cgroupfs", { recursiveReadOnlyMounts: true });

  beforeAll(() => {
    folder = makeTestFolder();
    rootfs = makeBusyboxRootfs(folder);
    for (const { name, program } of socketPrograms())
      writeFileSync(join(rootfs, "bin", name), program, { mode: 0o755 });
  });
  afterAll(() => {
    removeTestCgroups(`/${basename(folder)}`);
    rmSync(folder, { recursive: true });
  });

  type Config = Parameters<typeof containerConfig>[0];
  type Context = Parameters<typeof containerConfig>[1];
  let count = 0;
  /** Runs a shell script and returns what it printed. */
  function run(script: string, config: Config, context: Context, changes: Partial<ContainerSpecInput> = {}): string {
    const id = `${basename(folder)}-${count++}`;
    const bundle = join(folder, id);
    mkdirSync(bundle);
    if (facts === undefined) throw new Error("no facts");
    const { spec } = buildContainerSpec(
      specInput({
        config: containerConfig({ command: ["/bin/sh", "-c", script], ...config }, { namespaceOptions, ...context }),
        sandbox: sandboxConfig({}, { namespaceOptions, privileged: true }),
        facts,
        rootfs,
        cgroupsPath: `/${basename(folder)}/${id}`,
        pins: {},
        files: {},
        ...changes,
      }),
    );
    writeFileSync(join(bundle, "config.json"), serializeSpec(spec));
    const result = spawnSync(findProgram("runc") ?? "", ["--root", join(folder, "runc"), "run", "-b", bundle, id], {
      encoding: "utf8",
      timeout: 30_000,
    });
    expect({ status: result.status, stderr: result.stderr }).toEqual({ status: 0, stderr: "" });
    return result.stdout;
  }
  const field = (status: string, name: string) => new RegExp(`^${name}:\\s*(.*?)\\s*$`, "m").exec(status)?.[1];

  it("T3.09 T5.03 T5.04 is fenced in as an ordinary pod asks for", () => {
    const out = run(
      `cat /proc/self/status; cat /proc/self/oom_score_adj; echo "cwd $PWD $HOME"
      (echo 0 > /sys/fs/cgroup/memory/cgroup.procs || echo 0 > /sys/fs/cgroup/cgroup.procs) 2>&1
      (echo x > /new; echo x > /proc/sys/kernel/core_pattern; head -c 1 /proc/kcore; true) 2>&1`,
      { workingDir: "/tmp" },
      {
        runAsUser: { value: 1000n },
        noNewPrivs: true,
        readonlyRootfs: true,
        seccomp,
        maskedPaths: ["/proc/kcore"],
        readonlyPaths: ["/proc/sys"],
      },
      { user: { uid: 1000, gid: 100, additionalGids: [7, 100], home: "/home/web" } },
    );
    expect(out).toContain("cwd /tmp /home/web");
    expect([field(out, "Uid"), field(out, "Groups")]).toEqual(["1000\t1000\t1000\t1000", "7 100"]);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"])
      expect([set, field(out, set)]).toEqual([set, "0".repeat(16)]);
    expect([field(out, "NoNewPrivs"), field(out, "Seccomp")]).toEqual(["1", "2"]);
    expect(out.match(/Read-only file system/g)?.length).toBeGreaterThanOrEqual(3);
    expect(out).not.toContain("\u007fELF");
  });

  it("has the default capabilities as root, and its limits", () => {
    const linux = { resources: { memoryLimitInBytes: 32n << 20n, oomScoreAdj: 700n } };
    const script = `cat /proc/self/status /proc/self/oom_score_adj
      cat /sys/fs/cgroup/memory/memory.limit_in_bytes || cat /sys/fs/cgroup/memory.max`;
    const config = containerConfig({ command: ["/bin/sh", "-c", `(${script}) 2>&1`], linux });
    const out = run("", {}, {}, { config });
    const { bounding } = readCapabilities(out);
    expect(bounding).toContain("CAP_CHOWN");
    expect(bounding).not.toContain("CAP_SYS_ADMIN");
    expect(out.trim().split("\n").slice(-3)).toEqual(expect.arrayContaining(["700", "33554432"]));
  });

  it.skipIf(process.arch !== "x64")("T3.09 opens no AF_ALG socket, whichever way it is tried", () => {
    const script = socketCalls.map((name) => `${name}; echo ${name} $?`).join("\n");
    const results = (context: Context) =>
      Object.fromEntries(
        run(script, {}, context)
          .trim()
          .split("\n")
          .map((line) => line.split(" ") as [string, string]),
      );
    const EPERM = "1";
    const ENOSYS = "38";
    expect(results({ seccomp })).toMatchObject({
      "alg-64": EPERM,
      "alg-64-high-bits": EPERM,
      "alg-32": EPERM,
      "alg-socketcall": ENOSYS,
      "vsock-64": EPERM,
    });
    const opened = results({ seccomp });
    expect([opened["unix-64"], opened["unix-32"]]).toEqual(["0", "0"]);
  });

  it("is not fenced in when it is privileged", () => {
    if (facts === undefined) throw new Error("no facts");
    const node = { path: "/dev/keelson-null", type: "c", major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 } as const;
    const out = run(
      "cat /proc/self/status; echo x > /dev/keelson-null && echo written; cat /proc/self/mountinfo",
      {},
      { privileged: true, seccomp },
      { hostDevices: [node] },
    );
    expect(readCapabilities(out).effective).toEqual(facts.capabilities);
    expect(field(out, "Seccomp")).toBe("0");
    expect(out).toContain("written");
    expect(out).toMatch(/ \/sys rw,/);
  });

  it("mounts by depth, read-only where asked, and makes the working directory inside (T3.02)", () => {
    const outer = join(folder, "outer");
    mkdirSync(join(outer, "sub"), { recursive: true });
    writeFileSync(join(outer, "sub/file"), "outer");
    writeFileSync(join(folder, "inner"), "inner");
    const out = run(
      "cat /data/sub/file; (echo x > /data/x) 2>&1; grep ' /data' /proc/self/mountinfo; pwd",
      {
        workingDir: "/made/here",
        mounts: [
          { containerPath: "/data/sub/file", hostPath: join(folder, "inner") },
          { containerPath: "/data", hostPath: outer, readonly: true },
        ],
      },
      {},
      {
        mountSources: [
          { path: join(folder, "inner"), propagation: "private", forbids: [], procfs: false },
          { path: outer, propagation: "private", forbids: [], procfs: false },
        ],
      },
    ).trim();
    expect(out).toMatch(/^inner/);
    expect(out).toContain("Read-only file system");
    expect(out.endsWith("/made/here")).toBe(true);
    expect(statSync(join(rootfs, "made/here")).isDirectory()).toBe(true);
    expect(existsSync("/made/here")).toBe(false);
    expect(readFileSync(join(folder, "inner"), "utf8")).toBe("inner");
  });
});
