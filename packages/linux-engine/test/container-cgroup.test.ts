import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { hierarchyRoots, makeCgroup } from "../src/cgroup/cgroup-folders.ts";
import { readCgroupLayout } from "../src/host/cgroup-layout.ts";
import { cgroupFolder, childCgroups, removeCgroupEverywhere } from "../src/oci/container-cgroup.ts";
import { ExecCgroup } from "../src/oci/exec-cgroup.ts";
import { removeTestCgroups } from "./test-cgroups.ts";
import { until } from "./until.ts";

describe.skipIf(linuxGate.skip)("cgroups of containers", () => {
  const layout = readCgroupLayout();
  let path: string;
  let child: ChildProcess | undefined;
  let closed: Promise<unknown> | undefined;
  beforeEach(() => {
    path = `/keelson-test-${randomBytes(6).toString("hex")}`;
  });
  afterEach(async () => {
    child?.kill("SIGKILL");
    await closed;
    removeTestCgroups(path);
  });

  /** A process that moves itself into one hierarchy's cgroup and stays there. */
  async function enter(folder: string, seconds: string): Promise<void> {
    child = spawn("sh", ["-c", `echo 0 >"$0/cgroup.procs"; exec sleep ${seconds}`, folder]);
    closed = once(child, "close");
    await until(() => readFileSync(join(folder, "cgroup.procs"), "latin1") !== "");
  }

  // as an OCI runtime leaves it in the middle of an exec, and as a process that is just dying
  it.skipIf(layout.version === 2)("waits for a process that is in one hierarchy only", async () => {
    makeCgroup(layout, path);
    const other = layout.mounts.get("memory") ?? layout.mounts.get("pids") ?? "";
    expect(join(other, path)).not.toBe(cgroupFolder(layout, path));
    await enter(join(other, path), "0.3");
    await removeCgroupEverywhere(layout, path);
    expect(hierarchyRoots(layout).filter((root) => existsSync(join(root, path)))).toEqual([]);
  });

  it("ends what is in it and below it", async () => {
    makeCgroup(layout, `${path}/inner`);
    await enter(cgroupFolder(layout, `${path}/inner`), "60");
    await removeCgroupEverywhere(layout, path);
    expect(hierarchyRoots(layout).filter((root) => existsSync(join(root, path)))).toEqual([]);
  });

  it("leaves no part of a command's cgroup that could not be made whole", () => {
    makeCgroup(layout, path);
    const last = hierarchyRoots(layout).at(-1) ?? "";
    mkdirSync(join(last, path, "exec-taken"));
    const container = cgroupFolder(layout, path);
    // in the one tree of v2 an idle one is removed before it is made
    if (layout.version === 1) expect(() => ExecCgroup.make(layout, container, "exec-taken")).toThrow("EEXIST");
    else ExecCgroup.make(layout, container, "exec-taken").close();
    const left = hierarchyRoots(layout).flatMap((root) => childCgroups(join(root, path)));
    expect(left).toEqual([]);
  });

  it("refuses the root of all", async () => {
    await expect(removeCgroupEverywhere(layout, "/")).rejects.toThrow("root of all");
  });
});
