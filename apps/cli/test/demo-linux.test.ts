import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { keelsonCommand, repository } from "./harness/keelson.ts";

// Runs in mount, network, IPC, UTS and PID namespaces of its own: all that is left behind there is the demo's. Cgroups
// are the whole machine's; the demo's are told by the prefix that follows from its root.
const prelude = `
set -eu
dir=$1 check=$2 keelson=$3
export TMPDIR=$dir/tmp
for place in /run /var/lib /dev/shm; do mount -t tmpfs tmpfs $place; done
busybox ip link set lo up
compare() { "$check" compare "$dir/before" --allow '^. cgroup: ' >"$dir/left" 2>&1 || true; }
demo() { code=0; "$keelson" demo >"$dir/out.$1" 2>"$dir/err.$1" || code=$?; echo $code >"$dir/code.$1"; }
"$check" snapshot "$dir/before"
`;

describe.skipIf(linuxGate.skip)("keelson demo on Linux", () => {
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
    await promisify(execFile)("unshare", args, { env: { PATH: process.env.PATH, HOME: "/root" } });
  }

  it("tells one pod's life, twice in a row, and leaves nothing behind", async () => {
    await run("demo 1; demo 2; compare");
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
    expect(await read("left")).toBe("");
    expect(await readdir(join(folder, "tmp"))).toEqual([]);
  });

  it.each([
    ["start keelsond", "SIGTERM", 143],
    ["fill it with an image", "SIGINT", 130],
    ["make the pod", "SIGTERM", 143],
    ["wait for the visitor", "SIGINT", 130],
  ] as const)("takes everything back when it is interrupted after %s by %s", async (stage, signal, code) => {
    await run(`
demo 1 & shell=$!
until grep -q '${stage}' "$dir/out.1" 2>/dev/null; do sleep 0.02; done
pid=$(pgrep -P $shell)
ls "$TMPDIR" >"$dir/folder"
kill -${signal.slice(3)} $pid
wait $shell
compare
`);
    expect(await read("code.1")).toBe(`${code}\n`);
    expect(await read("err.1")).toBe("");
    expect(await read("out.1")).toMatch(/✓ .* interrupted: clear up\n$/);
    expect(await read("left")).toBe("");
    expect(await readdir(join(folder, "tmp"))).toEqual([]);
  });
});
