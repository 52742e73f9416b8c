import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { isCriError } from "@keelson/cri-api/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { readCgroupLayout } from "../src/host/cgroup-layout.ts";
import type { EngineLog } from "../src/log.ts";
import { chooseRuntime, type ProbeOptions, probeRuntime } from "../src/oci/probe.ts";
import { findProgram } from "../src/sys/find-program.ts";
import { makeTestFolder } from "./busybox-bundle.ts";

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
    const path = script("counted", `echo run >> ${count}; exit 1`);
    const runs = async (): Promise<number> => {
      rmSync(count, { force: true });
      await probeRuntime(path, options);
      return readdirSync(folder).includes("count") ? 1 : 0;
    };
    expect([await runs(), await runs()]).toEqual([1, 0]);
    script("counted", `echo again >> ${count}; exit 1`);
    expect(await runs()).toBe(1);
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
