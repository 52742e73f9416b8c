import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import { hierarchyRoots, makeCgroup, missingFolders, removeFolderIfEmpty } from "./cgroup-folders.ts";

// The tree is a plain folder here: what is tested is which folders are meant, on layouts that this machine has not.
describe("cgroup folders", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "keelson-cgroups-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const v2 = (): CgroupLayout => ({ version: 2, controllers: ["cpu"], mounts: new Map(), unified: root });
  const hybrid = (): CgroupLayout => ({
    version: 1,
    controllers: ["cpu", "cpuacct", "memory"],
    mounts: new Map([
      ["cpu", `${root}/cpu,cpuacct`],
      ["cpuacct", `${root}/cpu,cpuacct`],
      ["memory", `${root}/memory`],
      ["name=systemd", `${root}/systemd`],
    ]),
    unified: `${root}/unified`,
  });

  it("are in one tree on v2, and once in each hierarchy on v1", () => {
    expect(hierarchyRoots(v2())).toEqual([root]);
    expect(hierarchyRoots(hybrid()).map((one) => one.slice(root.length + 1))).toEqual([
      "cpu,cpuacct",
      "memory",
      "systemd",
      "unified",
    ]);
  });

  it("are made with what is above them, and known before by what is missing", () => {
    expect(missingFolders(v2(), "/kubepods/pod1")).toEqual([`${root}/kubepods`, `${root}/kubepods/pod1`]);
    makeCgroup(v2(), "/kubepods/pod1");
    makeCgroup(v2(), "/kubepods/pod1");
    expect(missingFolders(v2(), "/kubepods/pod1")).toEqual([]);

    mkdirSync(join(root, "memory/kubepods"), { recursive: true });
    expect(missingFolders(hybrid(), "/kubepods")).toEqual([
      `${root}/cpu,cpuacct/kubepods`,
      `${root}/systemd/kubepods`,
      `${root}/unified/kubepods`,
    ]);
  });

  it("are removed only when nothing is in them", () => {
    makeCgroup(v2(), "/a/b");
    removeFolderIfEmpty(`${root}/a`);
    expect(readdirSync(`${root}/a`)).toEqual(["b"]);
    for (const folder of ["a/b", "a", "a"]) removeFolderIfEmpty(join(root, folder));
    expect(existsSync(`${root}/a`)).toBe(false);
  });
});
