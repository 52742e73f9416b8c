import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isCriError } from "@keelson/cri-api/errors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { mountSync, unmountSync } from "../src/sys/mount.ts";
import { ApplierBench } from "./applier-bench.ts";
import { Canary } from "./canary.ts";
import { hostileLayers } from "./hostile-layers.ts";
import { LayerStack } from "./layer-stack.ts";
import { buildTar } from "./tar-builder.ts";
import { listKinds, listTree } from "./tree-listing.ts";

// CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, FSETID 4, SYS_CHROOT 18, MKNOD 27, SETFCAP 31
const capabilities = [0, 1, 3, 4, 18, 27, 31].reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);

async function codeOf(applied: Promise<unknown>): Promise<string> {
  try {
    await applied;
    return "applied";
  } catch (error) {
    if (!isCriError(error) || error.code === "UNAVAILABLE") throw error;
    return error.code;
  }
}

describe.skipIf(linuxGate.skip)("The applier in its jail", () => {
  let bench: ApplierBench;
  // A mount like a pod's, beside the applier's own folder.
  let foreign: Canary;
  beforeAll(async () => {
    foreign = new Canary();
    mountSync({ target: foreign.folder, type: "tmpfs" });
    bench = await ApplierBench.open();
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
    unmountSync(foreign.folder);
    foreign[Symbol.dispose]();
  });

  test("has in every thread exactly the capabilities that layers need, and no new privileges", () => {
    const tasks = `/proc/${bench.pid()}/task`;
    const threads = readdirSync(tasks);
    expect(threads.length).toBeGreaterThan(1);
    for (const thread of threads) {
      const status = readFileSync(join(tasks, thread, "status"), "latin1");
      for (const set of ["CapPrm", "CapEff"]) {
        expect(BigInt(`0x${new RegExp(`^${set}:\\s*(\\w+)$`, "m").exec(status)?.[1]}`)).toBe(capabilities);
      }
      expect(status).toMatch(/^NoNewPrivs:\s*1$/m);
    }
  });

  test("T3.01: has only its pipes, its folders and Node's own descriptors", () => {
    const open = bench.descriptors();
    for (const pipe of [2, 3, 4, 5]) expect(open.get(pipe)).toMatch(/^pipe:/);
    // Standard input and output are /dev/null; the FFI library keeps the root folder open as a placeholder.
    const paths = new Set([...open.values()].filter((path) => path.startsWith("/")));
    expect([...paths].sort()).toEqual(["/", "/dev/null", `${bench.folder}/sha256`, `${bench.folder}/tmp`].sort());
  });

  test("has no network, sees no other process and no credentials of the daemon", () => {
    const pid = bench.pid();
    const own = (name: string): string => readFileSync(`/proc/${pid}/${name}`, "latin1");
    expect(
      own("net/dev")
        .split("\n")
        .slice(2, -1)
        .map((line) => line.split(":")[0]?.trim()),
    ).toEqual(["lo"]);
    expect(own("status")).toMatch(/^NSpid:\s+\d+\s+\d+$/m);
    const names = own("environ")
      .split("\0")
      .map((entry) => entry.split("=")[0]);
    expect(names.filter((name) => !["", "PWD"].includes(name ?? "")).sort()).toEqual(["HOME", "LC_ALL", "PATH", "TZ"]);
  });

  test("can write in the temporary folder alone", () => {
    const mounts = readFileSync(`/proc/${bench.pid()}/mountinfo`, "latin1").split("\n").slice(0, -1);
    // A later mount of the same place covers the earlier one.
    const places = new Map(mounts.map((line) => [line.split(" ")[4], line.split(" ")[5]?.split(",") ?? []]));
    const writable = [...places].filter(([, options]) => options.includes("rw")).map(([place]) => place);
    expect(writable).toEqual([`${bench.folder}/tmp`]);
  });

  test("keeps no mount of the host in use that it does not need", () => {
    const points = readFileSync(`/proc/${bench.pid()}/mountinfo`, "latin1")
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "");
    expect(points.filter((point) => point.startsWith(foreign.folder))).toEqual([]);
    for (const place of ["/sys", "/dev", "/run/netns"]) expect(points).not.toContain(place);
  });

  test("applies layer after layer, the lower ones read only when they are needed", async () => {
    await bench.apply(
      "first",
      buildTar([
        { name: "d/", mode: 0o711, uid: 4 },
        { name: "d/f", content: "x" },
      ]),
    );
    mkdirSync(join(bench.folder, "sha256", "aa"));
    renameSync(bench.layer("first"), join(bench.folder, "sha256", "aa", "fs"));
    const ready = Promise.withResolvers<[{ chain: string; opaque: string[] }]>();
    const second = bench.apply("second", buildTar([{ name: "d/g", content: "y" }]), { lower: ready.promise });
    ready.resolve([{ chain: "aa", opaque: [] }]);
    expect(await second).toMatchObject({ opaque: [] });
    expect(listTree(bench.layer("second")).get("d")).toMatchObject({ mode: 0o711, owner: "4:0" });
  });

  test("fails a layer whose lower one failed, and goes on", async () => {
    const failed = Promise.reject(new Error("the lower layer failed"));
    failed.catch(() => undefined);
    expect(await codeOf(bench.apply("third", buildTar([{ name: "a/b" }]), { lower: failed }))).toBe("CANCELED");
    expect(await codeOf(bench.apply("fourth", buildTar([{ name: "f" }])))).toBe("applied");
  });

  test("T2.09: fails a layer that was given up or cut, and goes on", async () => {
    const big = buildTar([{ name: "f", content: Buffer.alloc(3_000_000) }]);
    expect(await codeOf(bench.apply("given-up", big.subarray(0, 1_000_000), { whole: false }))).toBe("CANCELED");
    expect(await codeOf(bench.apply("cut", big.subarray(0, 1_000_000)))).toBe("DATA_LOSS");
    expect(await codeOf(bench.apply("bad", Buffer.concat([buildTar([{ name: "../x" }]), big])))).toBe(
      "INVALID_ARGUMENT",
    );
    expect(await codeOf(bench.apply("good", big))).toBe("applied");
    expect(listKinds(bench.layer("good"))).toEqual(["f file"]);
  });

  test("T2.01: refuses every way out, and leaves a tree outside as it was", async () => {
    using canary = new Canary();
    const before = canary.state();
    for (const [index, [way, members]] of hostileLayers(bench.layer("hostile0"), canary.folder).entries()) {
      const code = await codeOf(bench.apply(`hostile${index}`, buildTar(members)));
      // What only sounds like a way out is a name in the layer like any other.
      if (code !== "INVALID_ARGUMENT") expect([way, code]).toEqual([way, "applied"]);
      expect([way, canary.state()]).toEqual([way, before]);
    }
  });

  test("T2.04: loads and runs nothing of an image while its root is there", async () => {
    const pid = bench.pid();
    const loaded = (): string[] =>
      [...new Set(readFileSync(`/proc/${pid}/maps`, "latin1").match(/\/\S+$/gm) ?? [])]
        .filter((path) => !path.startsWith("/dev"))
        .sort();
    await bench.apply("warm", buildTar([{ name: "f" }]));
    const before = loaded();
    const traps = ["bin/xz", "bin/tar", "usr/bin/gzip", "usr/bin/sh", "etc/ld.so.preload", "lib/libnss_files.so.2"];
    const preload = [
      "lib64/libc.so.6",
      "usr/lib/x86_64-linux-gnu/libnss_dns.so.2",
      "etc/nsswitch.conf",
      "etc/localtime",
    ];
    const marker = "/marker";
    await bench.apply(
      "traps",
      buildTar(
        [...traps, ...preload].map((name) => ({ name, mode: 0o755, content: `#!/bin/sh\necho ran > ${marker}\n` })),
      ),
    );
    expect(await codeOf(bench.apply("traps-bad", buildTar([{ name: "a" }, { name: "../x" }])))).toBe(
      "INVALID_ARGUMENT",
    );
    expect(existsSync(join(bench.layer("traps"), marker))).toBe(false);
    expect(existsSync(marker)).toBe(false);
    expect(loaded()).toEqual(before);
  });
});

describe.skipIf(linuxGate.skip)("With its own path checks off", () => {
  test("T2.01, T2.03: nothing leaves the layer for the jail alone, while without the jail it would", async () => {
    using canary = new Canary();
    await using bench = await ApplierBench.open({ withoutPathChecks: true });
    const before = canary.state();
    const home = (): string[] => readdirSync(bench.folder).sort();
    const outside = home();
    let escaped = 0;
    for (const [index, [way, members]] of hostileLayers(bench.layer("hostile0"), canary.folder).entries()) {
      const archive = buildTar(members);
      await codeOf(bench.apply(`hostile${index}`, archive));
      expect([way, canary.state()]).toEqual([way, before]);
      expect([way, home(), readdirSync(join(bench.folder, "sha256"))]).toEqual([way, outside, []]);
      escaped += escapesWithoutJail(index) ? 1 : 0;
      rmSync(join(bench.folder, "tmp", `hostile${index}`), { recursive: true, force: true });
    }
    // Otherwise the corpus would prove nothing.
    expect(escaped).toBeGreaterThan(8);
  });

  /** The same attack on the same code, but with the real root around it: does it reach a tree outside? */
  function escapesWithoutJail(index: number): boolean {
    using stack = new LayerStack();
    using victim = new Canary();
    const before = victim.state();
    const [, members] = hostileLayers(join(stack.folder, "layer0"), victim.folder)[index] ?? ["", []];
    try {
      stack.apply(members, { pathChecks: false });
    } catch (error) {
      if (!isCriError(error)) throw error;
    }
    return victim.state() !== before;
  }
});
