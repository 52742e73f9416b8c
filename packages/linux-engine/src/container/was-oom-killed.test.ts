import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import { containerPaths } from "./container-paths.ts";
import { countPodOomKills, type EndedRun, wasOomKilled } from "./was-oom-killed.ts";

describe("wasOomKilled()", () => {
  let folder: string;
  let layout: CgroupLayout;
  const plan = { id: "c", cgroupsPath: "pods-p.slice:keelson:c" };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-oom-"));
    layout = { version: 2, controllers: [], mounts: new Map(), unified: join(folder, "cgroup") };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const pod = (): string => join(folder, "cgroup", "pods.slice", "pods-p.slice");
  const scope = (): string => join(pod(), "keelson-c.scope");
  function count(cgroup: string, kills: number): void {
    mkdirSync(cgroup, { recursive: true });
    writeFileSync(join(cgroup, "memory.events"), `max 900\noom ${kills}\noom_kill ${kills}\noom_group_kill 0\n`);
  }
  const deps = () => ({ paths: containerPaths(join(folder, "state")), cgroupLayout: () => layout });
  function ended(more: Partial<EndedRun> = {}): Promise<boolean> {
    const facts = { cgroup: scope(), podOomKills: 2 };
    const file = { code: 137, finishedAtNs: 1n };
    return wasOomKilled({ plan, facts, file, killedByUs: false, ...more }, deps());
  }

  it("goes by conmon's note, whatever the code", async () => {
    const notes = deps().paths.persistFolder("c");
    mkdirSync(notes, { recursive: true });
    writeFileSync(join(notes, "oom"), "");
    expect(await ended({ file: { code: 1, finishedAtNs: 1n } })).toBe(true);
  });

  it("goes by the container's cgroup while it is there", async () => {
    count(pod(), 3);
    count(scope(), 0);
    expect(await ended()).toBe(false);
    count(scope(), 1);
    expect(await ended()).toBe(true);
  });

  it("goes by the pod's count where systemd has removed the container's", async () => {
    count(pod(), 2);
    expect(countPodOomKills(plan.cgroupsPath, deps())).toBe(2);
    expect(await ended()).toBe(false);
    count(pod(), 3);
    expect(await ended()).toBe(true);
    expect(await ended({ file: { code: 1, finishedAtNs: 1n } })).toBe(false);
    expect(await ended({ killedByUs: true })).toBe(false);
    expect(await ended({ facts: { cgroup: scope() } })).toBe(false);
  });

  it("knows nothing where nothing counts", async () => {
    expect(await ended()).toBe(false);
    expect(countPodOomKills(plan.cgroupsPath, deps())).toBeUndefined();
  });
});
