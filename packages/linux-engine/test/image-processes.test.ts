import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { CountingProxy, ImageBench, imageOf } from "./image-bench.ts";
import { failureOf, until, usePullBench } from "./pull-bench.ts";

describe.skipIf(linuxGate.skip)("the processes of a pull", { timeout: 30_000 }, () => {
  const pulls = usePullBench();

  test("when a process of the pull is killed the pull fails, leaves nothing, and the next one starts new ones", async () => {
    const name = await pulls.publish(imageOf([[{ name: "f" }], [{ name: "g" }]]), "killed:1");
    await using proxy = await CountingProxy.start(pulls.registry.url);
    pulls.bench.serve(pulls.registry.host, proxy.url);
    const gate = Promise.withResolvers<void>();
    proxy.hold = gate.promise;
    const pull = failureOf(pulls.bench.pull(name));
    await until(() => proxy.blobRequests().size > 0);
    const [first] = jailedProcesses(pulls.bench.root);
    process.kill(first ?? -1, "SIGKILL");
    expect((await pull).code).toBe("UNAVAILABLE");
    gate.resolve();
    await until(() => jailedProcesses(pulls.bench.root).length === 0);
    expect(await pulls.bench.stored()).toMatchObject({ tmp: 0, sha256: 0 });
    await pulls.bench.pull(name);
    expect(await pulls.bench.stored()).toMatchObject({ tmp: 0, sha256: 2 });
  });

  test("the processes stay for a while after a pull, and end when the images are closed", async () => {
    const name = await pulls.publish(imageOf([[{ name: "linger" }]]), "linger:1");
    await using other = new ImageBench();
    other.serve(pulls.registry.host, pulls.registry.url);
    await other.open({ lingerMs: 60_000 });
    await other.pull(name);
    const running = jailedProcesses(other.root);
    expect(running).toHaveLength(3);
    await other.pull(name);
    expect(jailedProcesses(other.root)).toEqual(running);
    await other.close();
    expect(jailedProcesses(other.root)).toEqual([]);
    await other.open({ lingerMs: 1 });
    await other.pull(name);
    await until(() => jailedProcesses(other.root).length === 0);
  });

  test("the processes end with the daemon, also when it is killed", async () => {
    const name = await pulls.publish(imageOf([[{ name: "orphan" }]]), "orphan:1");
    await using other = new ImageBench();
    other.serve(pulls.registry.host, pulls.registry.url);
    mkdirSync(other.root, { mode: 0o700 });
    const host = fileURLToPath(new URL("./image-host.ts", import.meta.url));
    const daemon = spawn(process.execPath, [host, other.root, join(other.folder, "certs.d"), name], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const [said] = await once(daemon.stdout, "data");
      expect(String(said)).toBe("pulled\n");
      // The daemon itself names the root, too.
      expect(jailedProcesses(other.root).length).toBe(4);
    } finally {
      daemon.kill("SIGKILL");
    }
    await until(() => jailedProcesses(other.root).length === 0);
    const { engine } = await other.open();
    expect(await engine.list(undefined)).toHaveLength(1);
    expect(await other.stored()).toMatchObject({ tmp: 0, sha256: 1 });
  });

  test("the fetcher has no capability, can write in the image store alone, and shows no credentials", async () => {
    const name = await pulls.publish(imageOf([[{ name: "auth" }]]), "auth:1");
    await pulls.bench.pull(name, { auth: { username: "user", password: "marker-secret" } });
    for (const pid of jailedProcesses(pulls.bench.root)) {
      const own = (file: string): string => readFileSync(`/proc/${pid}/${file}`, "latin1");
      expect(own("cmdline") + own("environ")).not.toContain("marker-secret");
      if (!own("cmdline").includes("fetcher-process")) continue;
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        expect(own(`task/${thread}/status`)).toMatch(/^CapPrm:\s*0+$[\s\S]*^CapEff:\s*0+$/m);
      }
      const places = new Map(
        own("mountinfo")
          .split("\n")
          .slice(0, -1)
          .map((line) => [line.split(" ")[4], line.split(" ")[5]]),
      );
      const writable = [...places].filter(([, options]) => options?.split(",").includes("rw")).map(([place]) => place);
      expect(writable).toEqual([join(pulls.bench.root, "images")]);
    }
    expect(pulls.bench.logged.join("\n")).not.toContain("marker-secret");
  });
});

/** Node processes in jails whose arguments name this root; a jail's own process is left out. */
function jailedProcesses(root: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0)
    .filter((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
        return args[0]?.endsWith("node") === true && args.some((arg) => arg.startsWith(root));
      } catch {
        return false; // it has ended meanwhile
      }
    });
}
