import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ownPrefix } from "../../../packages/linux-engine/src/sandbox/sandbox-paths.ts";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { keelsonCommand, repository } from "./harness/keelson.ts";

// Runs in mount, network, IPC, UTS and PID namespaces of its own: all that is left behind there is the demo's. Cgroups
// are the whole machine's, and mounts go from here too when others remove their mount points; the demo's are told by the prefix that follows from its root.
const prelude = `
set -eu
dir=$1 check=$2 keelson=$3
export TMPDIR=$dir/tmp
for place in /run /var/lib /dev/shm; do mount -t tmpfs tmpfs $place; done
busybox ip link set lo up
compare() { "$check" compare "$dir/before" --allow '^. cgroup: ' --allow '^(- (mount|namespace)|. loop device)' >"$dir/left" 2>&1 || true; }
start() { # ROUND CONDITION: until the demo has come so far
  "$keelson" demo >"$dir/out.$1" 2>"$dir/err.$1" & pid=$!
  until eval "$2" 2>/dev/null; do sleep 0.02; done
  ls "$TMPDIR" >>"$dir/folders"
}
finish() { code=0; wait $pid || code=$?; echo $code >"$dir/code.$1"; }
"$check" snapshot "$dir/before"
`;

const keelsondStarts = 'ls "$TMPDIR"/*/config.toml >&2';
const told = (stage: string): string => `grep -q "${stage}" "$dir/out.1"`;

describe.skipIf(linuxGate.skip)("keelson demo on Linux", { timeout: 120_000 }, () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keelson-demo-test-"));
    await mkdir(join(folder, "tmp"));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const read = (name: string): Promise<string> => readFile(join(folder, name), "utf8");

  async function run(script: string): Promise<void> {
    await writeFile(join(folder, "script"), prelude + script);
    const namespaces = ["--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const args = [
      ...namespaces,
      "sh",
      join(folder, "script"),
      folder,
      join(repository, "scripts/leak-check"),
      keelsonCommand,
    ];
    await promisify(execFile)("unshare", args, {
      timeout: 100_000,
      killSignal: "SIGKILL",
      env: { PATH: process.env.PATH, HOME: "/root" },
    });
  }

  async function expectNothingLeft(): Promise<void> {
    expect(await read("left")).toBe("");
    expect(await readdir(join(folder, "tmp"))).toEqual([]);
    const roots = (await read("folders")).trim().split("\n");
    const prefixes = roots.map((name) => ownPrefix(join(folder, "tmp", name, "root")));
    const hierarchies = ["", ...(await readdir("/sys/fs/cgroup"))].map((name) => join("/sys/fs/cgroup", name));
    for (const hierarchy of hierarchies.filter((path) => statSync(path).isDirectory())) {
      expect(prefixes.filter((prefix) => existsSync(join(hierarchy, prefix)))).toEqual([]);
    }
    expect(prefixes.length).toBeGreaterThan(0);
  }

  it("tells one pod's life, twice in a row, and leaves nothing behind", async () => {
    await run(`start 1 '${keelsondStarts}'; finish 1; start 2 '${keelsondStarts}'; finish 2; compare`);
    for (const round of [1, 2]) {
      expect(await read(`err.${round}`)).toBe("");
      const story = await read(`out.${round}`);
      expect(story).not.toContain("SIMULATED");
      expect(story).toMatch(/visitor │ Hello from the container next door!/);
      expect(story).toMatch(/web │ .*response:200/);
      expect(story).toContain("every digest verified");
      expect(story).toContain("says demo, exit code 0");
      expect(story).toContain("the pod is ready, 2 of 2 containers run");
      expect(story).toContain("exit code 0, Completed");
      expect(story).toContain("Nothing was left behind.");
      expect(await read(`code.${round}`)).toBe("0\n");
    }
    await expectNothingLeft();
  });

  it.each([
    ["while keelsond starts", keelsondStarts, "SIGINT", 130],
    ["before the pull", told("fill it with an image"), "SIGTERM", 143],
    ["when the pod is there", told("make the pod"), "SIGINT", 130],
    ["when the containers run", told("wait for the visitor"), "SIGTERM", 143],
  ] as const)("takes everything back when it is interrupted %s", async (_, condition, signal, code) => {
    await run(`
start 1 '${condition}'
kill -${signal.slice(3)} $pid
finish 1
compare
`);
    expect(await read("code.1")).toBe(`${code}\n`);
    expect(await read("err.1")).toBe("");
    expect(await read("out.1")).toMatch(/✓ .* interrupted: clear up\n$/);
    await expectNothingLeft();
  });
});
