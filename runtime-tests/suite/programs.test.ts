import { type ChildProcess, spawn } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectCri } from "@keelson/cri-client";
import { startFakeRuntime } from "@keelson/fake-runtime";
import { afterEach, describe, expect, test } from "vitest";
import { usePeers } from "./peer.ts";
import { runOnThisRuntime, thisRuntime } from "./this-runtime.ts";

/** The file behind a package's command, as npm links it. */
async function commandFile(packageName: string, command: string): Promise<string> {
  const manifest = fileURLToPath(new URL(`../node_modules/${packageName}/package.json`, import.meta.url));
  const { bin } = JSON.parse(await readFile(manifest, "utf8")) as { bin: Record<string, string> };
  const file = bin[command];
  if (file === undefined) throw new Error(`${packageName} has no command ${command}`);
  return join(dirname(manifest), file);
}

describe("programs", () => {
  const peers = usePeers();
  const children = new Set<ChildProcess>();
  afterEach(() => {
    for (const child of children) child.kill("SIGKILL");
    children.clear();
  });
  const start = async (packageName: string, command: string, args: readonly string[]): Promise<ChildProcess> => {
    const [program, ...first] = thisRuntime;
    const child = spawn(program, [...first, await commandFile(packageName, command), ...args]);
    children.add(child);
    return child;
  };

  test("the fake runtime runs in the same process", async () => {
    const fake = await startFakeRuntime({ versions: ["v1alpha2"] });
    const cri = await connectCri({ runtimeEndpoint: fake.endpoint });
    expect([cri.version, (await cri.runtime.version({})).runtimeName]).toEqual(["v1alpha2", "keelson"]);
    cri.close();
    await fake.close();
  });

  test("the client's README runs as it stands there", async () => {
    await peers.runtime();
    // written beside the other programs from the README
    expect(await runOnThisRuntime("children/readme-example.ts", [`unix://${peers.socket}`])).toMatchObject({
      code: 0,
      stdout: [
        "peer 1 speaks CRI v1",
        ...["0 pod-0", "1 pod-1", "2 pod-2"].map((line) => `sandbox-${line}`),
        "there is no such container",
        "",
      ].join("\n"),
    });
  });

  test("keelson-fake starts, answers keelson, and ends on SIGTERM", async () => {
    const fake = await start("@keelson/fake-runtime", "keelson-fake", ["--listen", `unix://${peers.socket}`]);
    const fakeEnded = output(fake);
    await new Promise<void>((resolve, reject) => {
      fake.stdout?.once("data", () => resolve());
      fake.once("exit", () => fakeEnded.then((end) => reject(new Error(end.stderr))));
    });
    const endpoint = `unix://${peers.socket}`;
    const shown = await output(await start("@keelson/cli", "keelson", ["--endpoint", endpoint, "version"]));
    expect(shown).toEqual({ code: 0, stdout: expect.stringContaining("runtime    keelson"), stderr: "" });
    fake.kill("SIGTERM");
    // a parent on Deno is told the signal that it sent, whatever the exit code: that the socket is gone shows the rest
    expect(await fakeEnded).toMatchObject({ stderr: "" });
    await expect(access(peers.socket)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function output(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Uint8Array) => {
    stdout += String(chunk);
  });
  child.stderr?.on("data", (chunk: Uint8Array) => {
    stderr += String(chunk);
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
}
