import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { isCriError } from "@keelson/cri-api/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { hierarchyRoots, makeCgroup } from "../src/cgroup/cgroup-folders.ts";
import { readCgroupLayout } from "../src/host/cgroup-layout.ts";
import type { EngineLog } from "../src/log.ts";
import { cgroupFolder } from "../src/oci/container-cgroup.ts";
import { chooseRuntime, type ProbeOptions, probeRuntime } from "../src/oci/probe.ts";
import { removeProbeLeftovers } from "../src/oci/probe-container.ts";
import { findProgram } from "../src/sys/find-program.ts";
import { makeTestFolder } from "./busybox-bundle.ts";
import { until } from "./until.ts";

describe.skipIf(linuxGate.skip)("the probe of OCI runtimes", () => {
  let folder: string;
  let options: ProbeOptions;
  let logged: [string, Record<string, unknown>][];
  const real = ["crun", "runc"].flatMap((name) => findProgram(name) ?? []);

  beforeEach(() => {
    folder = makeTestFolder();
    mkdirSync(join(folder, "state"));
    logged = [];
    const write = (message: string, fields: Record<string, unknown> = {}) => void logged.push([message, fields]);
    const log: EngineLog = { debug: write, info: write, warn: write, error: write };
    options = {
      folder: join(folder, "root"),
      cacheFolder: join(folder, "state"),
      cgroups: { driver: "cgroupfs", prefix: basename(folder) },
      log,
    };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function script(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  it("takes the first that really runs a container, tells why it refused others, and leaves nothing", async () => {
    const broken = script("broken", "echo 'level=error msg=\"no cgroups here\"' >&2; exit 1");
    const silent = script("silent", "exit 0");
    const chosen = await chooseRuntime([join(folder, "missing"), broken, silent, ...real], options);
    expect(real).toContain(chosen.path);
    expect(chosen.version).toMatch(/^\d+\.\d+/);
    const reasons = new Map(
      logged.filter(([message]) => message === "OCI runtime refused").map(([, { path, why }]) => [path, why]),
    );
    expect(reasons.get(join(folder, "missing"))).toBe("it is not there");
    expect(reasons.get(broken)).toBe("no cgroups here");
    expect(reasons.get(silent)).toBe("its container ended with exit code 0");
    expect(readdirSync(options.folder)).toEqual([]);
    const layout = readCgroupLayout();
    for (const mount of [...layout.mounts.values(), layout.unified ?? "/sys/fs/cgroup"]) {
      expect(readdirSync(mount)).not.toContain(options.cgroups.prefix);
    }
  });

  it("remembers a result until the binary changes", async () => {
    const count = join(folder, "count");
    const { path: works } = await chooseRuntime(real, options);
    const path = script("counted", `echo run >> ${count}; exec ${works} "$@"`);
    const isTried = async (): Promise<boolean> => {
      rmSync(count, { force: true });
      await probeRuntime(path, options);
      return existsSync(count);
    };
    expect([await isTried(), await isTried()]).toEqual([true, false]);
    script("counted", `echo again >> ${count}; exec ${works} "$@"`);
    expect(await isTried()).toBe(true);
  });

  it("tries one that was refused again: the cause may be gone", async () => {
    const { path: works } = await chooseRuntime(real, options);
    const path = script("sometimes", `[ -e ${join(folder, "space")} ] || exit 1; exec ${works} "$@"`);
    expect((await probeRuntime(path, options)).refused).toContain("exit code 1");
    writeFileSync(join(folder, "space"), "");
    expect((await probeRuntime(path, options)).refused).toBeUndefined();
  });

  it("removes what is left of a probe whose daemon was killed", async () => {
    const { path } = await chooseRuntime(real, options);
    mkdirSync(join(options.folder, "probe-cut", "rootfs"), { recursive: true });
    const layout = readCgroupLayout();
    const cut = `/${options.cgroups.prefix}/probe/probe-cut`;
    makeCgroup(layout, cut);
    const held = spawn("sh", ["-c", 'echo 0 >"$0/cgroup.procs"; exec sleep 60', cgroupFolder(layout, cut)]);
    const ended = once(held, "close");
    await until(() => readFileSync(join(cgroupFolder(layout, cut), "cgroup.procs"), "latin1") !== "");
    await removeProbeLeftovers(options);
    await ended;
    expect(existsSync(options.folder)).toBe(false);
    expect(hierarchyRoots(layout).filter((root) => existsSync(join(root, options.cgroups.prefix)))).toEqual([]);
    expect((await probeRuntime(path, options)).refused).toBeUndefined();
  });

  it("T3.03: refuses a runtime that others can write to", async () => {
    const path = join(folder, "runc");
    copyFileSync(real[0] ?? "", path);
    chmodSync(path, 0o775);
    expect((await probeRuntime(path, options)).refused).toBe("others than root can write to it");
  });

  it("fails with every reason when none works", async () => {
    const failure = await chooseRuntime([script("one", "exit 3")], options).catch((error: unknown) => error);
    expect(isCriError(failure, "FAILED_PRECONDITION")).toBe(true);
    expect(String(failure)).toContain("exit code 3");
  });
});
