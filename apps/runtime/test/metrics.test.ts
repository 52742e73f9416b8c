import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { containerConfig, logFolder, podConfig } from "./harness/pods.ts";
import { startNode, type TestNode } from "./harness/start-node.ts";

// A CNI plugin whose ADD or DEL hangs while a file is there.
const plugin = (folder: string): string => `#!/bin/sh
cat >/dev/null
case $CNI_COMMAND in
  VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}'; exit ;;
esac
while [ -e ${folder}/hang-$CNI_COMMAND ]; do sleep 0.02; done
[ $CNI_COMMAND = ADD ] || exit 0
echo '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/x"}],"ips":[{"address":"10.9.9.9/24","interface":0}]}'
`;

/** Every line of the text format that is not a comment: the series to its number. */
function parse(text: string): ReadonlyMap<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const [, series, number] = /^([a-z_]+(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
      if (series === undefined) throw new Error(`not a line of the text format: ${line}`);
      return [series, Number(number)];
    }),
  );
}

const traceId = "0af7651916cd43dd8448eb211c80319c";

describe.skipIf(linuxGate.skip)("what keelsond tells of itself", () => {
  let node: TestNode;
  let image: string;
  let folder: string;
  let url: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "keelson-hang-"));
    await writeFile(join(folder, "hang"), plugin(folder));
    await chmod(join(folder, "hang"), 0o755);
    node = await startNode({
      pluginFolder: folder,
      plugins: () => [{ type: "hang" }],
      config: '[metrics]\nlisten = "127.0.0.1:0"\n',
    });
    image = await node.push("busybox:latest");
    const line = node.log.find((one) => one.includes('"metrics are served"')) ?? "{}";
    logDirectory = logFolder(node.folder);
    url = (JSON.parse(line) as { readonly url: string }).url;
  }, 60_000);
  afterAll(async () => {
    await letGo();
    await node.close();
    await rm(folder, { recursive: true });
  }, 60_000);
  let logDirectory: string;
  const hang = (verb: string): Promise<void> => writeFile(join(folder, `hang-${verb}`), "");
  const letGo = async (): Promise<void> => {
    for (const verb of ["ADD", "DEL"]) await rm(join(folder, `hang-${verb}`), { force: true });
  };
  const scrape = async (): Promise<ReadonlyMap<string, number>> => {
    const response = await fetch(url);
    expect([response.status, response.headers.get("content-type")]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
    ]);
    return parse(await response.text());
  };

  it("is scraped while pods run: calls, operations, stages, pulls; and names no pod", { timeout: 60_000 }, async () => {
    await using cri = await node.connect();
    await cri.images.pullImage({ image: { image } });
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config: podConfig({ logDirectory }) });
    const config = containerConfig({ image, command: ["sleep", "600"] });
    const { containerId } = await cri.runtime.createContainer({ podSandboxId, config });
    await cri.runtime.startContainer({ containerId });
    const running = await scrape();
    expect(running.get('keelson_sandboxes{state="READY"}')).toBe(1);
    expect(running.get('keelson_containers{state="RUNNING"}')).toBe(1);
    expect(running.get('keelson_operations_running{operation="RunPodSandbox"}')).toBe(0);
    await cri.runtime.stopContainer({ containerId, timeout: 0n });
    await cri.runtime.removePodSandbox({ podSandboxId });
    await cri.images.removeImage({ image: { image } });
    const after = await scrape();
    const count = (method: string) =>
      after.get(`keelson_rpc_duration_seconds_count{method="${method}",version="v1",code="OK"}`);
    for (const method of ["PullImage", "RunPodSandbox", "CreateContainer", "StartContainer", "RemovePodSandbox"]) {
      expect([method, count(method)]).toEqual([method, 1]);
    }
    const stage = (operation: string, name: string) =>
      after.get(`keelson_operation_stage_seconds_count{operation="${operation}",stage="${name}"}`);
    expect(stage("RunPodSandbox", "waiting for CNI ADD")).toBe(1);
    expect(stage("RunPodSandbox", 'waiting for step \\"pin-namespaces\\"')).toBe(1);
    expect(stage("StopPodSandbox", "waiting for CNI DEL")).toBe(1);
    expect(stage("StartContainer", "waiting for the OCI runtime to start")).toBe(1);
    expect(stage("PullImage", "bringing layers")).toBe(1);
    expect(after.get("keelson_image_pull_bytes_total")).toBeGreaterThan(100_000);
    expect(after.get('keelson_image_gc_removed_total{kind="layer"}')).toBeGreaterThan(0);
    expect(after.get("process_resident_memory_bytes")).toBeGreaterThan(10_000_000);
    expect(after.get("process_open_fds")).toBeGreaterThan(5);
    const names = [...after.keys()];
    expect(names.filter((name) => /[0-9a-f]{12}|busybox|default/.test(name))).toEqual([]);
    expect(names.length).toBeLessThan(1500);
  });

  it("is what docs/operations.md lists, and nothing else", async () => {
    const page = await readFile(join(import.meta.dirname, "../../../docs/operations.md"), "utf8");
    const table =
      /## Metrics\n(.*?)\n## /s
        .exec(page)?.[1]
        ?.split("\n")
        .filter((line) => line.startsWith("| `")) ?? [];
    const listed = table.flatMap((line) =>
      [...(line.split("|")[1] ?? "").matchAll(/`(\w+)`/g)].map(([, name]) => name),
    );
    const served = [...(await (await fetch(url)).text()).matchAll(/^# HELP (\w+) \S/gm)].map(([, name]) => name);
    expect(served.toSorted()).toEqual(listed.toSorted());
  });

  it("is where an operation hangs: in the error, before the caller's own deadline, in the log and the metrics", {
    timeout: 60_000,
  }, async () => {
    await using cri = await node.connect();
    await hang("ADD");
    const config = podConfig({ logDirectory });
    const beganMs = performance.now();
    const call = cri.runtime.runPodSandbox({ config }, { timeoutMs: 2500 });
    const runs = async () => (await scrape()).get('keelson_operations_running{operation="RunPodSandbox"}');
    await expect.poll(runs, { timeout: 2000 }).toBe(1);
    const running = await scrape();
    expect(running.get('keelson_rpc_in_flight{method="RunPodSandbox",version="v1"}')).toBe(1);
    const stage = /deadline reached while waiting for CNI ADD of network "test" \(plugin hang\) for [12]\.\d s/;
    await expect(call).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED", message: expect.stringMatching(stage) });
    const tookMs = performance.now() - beganMs;
    expect(tookMs).toBeGreaterThan(2200);
    expect(tookMs).toBeLessThan(2500);
    const logged = node.log.map((line) => JSON.parse(line) as Record<string, unknown>);
    const failed = logged.filter(({ rpc, code }) => rpc === "RunPodSandbox" && code === "DEADLINE_EXCEEDED");
    expect(failed).toMatchObject([
      { level: "warn", msg: "call failed", version: "v1", error: { message: expect.stringMatching(stage) } },
    ]);
    await letGo();
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config });
    expect((await scrape()).get('keelson_operations_joined_total{operation="RunPodSandbox"}')).toBe(1);
    await hang("DEL");
    await expect(cri.runtime.stopPodSandbox({ podSandboxId }, { timeoutMs: 1500 })).rejects.toMatchObject({
      message: expect.stringMatching(/waiting for CNI DEL of network "test" \(plugin hang\) for [01]\.\d s/),
    });
    await letGo();
    await cri.runtime.removePodSandbox({ podSandboxId });
  });

  it("is what the operator is told of a registry, a command or a container that hangs", {
    timeout: 60_000,
  }, async () => {
    await using cri = await node.connect();
    const late = async (call: Promise<unknown>, stage: RegExp): Promise<void> =>
      await expect(call).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED", message: expect.stringMatching(stage) });
    const deadline = { timeoutMs: 1200 };
    const silent = net.createServer((socket) => void sockets.add(socket.on("error", () => undefined)));
    const sockets = new Set<net.Socket>();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const hanging = `127.0.0.1:${(silent.address() as net.AddressInfo).port}/hanging:latest`;
    await late(
      cri.images.pullImage({ image: { image: hanging } }, deadline),
      new RegExp(`asking the registry for image "${hanging}" for [01]\\.\\d s`),
    );
    for (const socket of sockets) socket.destroy();
    silent.close();
    await cri.images.pullImage({ image: { image } });
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config: podConfig({ logDirectory }) });
    const script = "trap '' TERM; while :; do sleep 0.1; done";
    const container = { podSandboxId, config: containerConfig({ image, script }) };
    const { containerId } = await cri.runtime.createContainer(container);
    await cri.runtime.startContainer({ containerId });
    await late(
      cri.runtime.execSync({ containerId, cmd: ["sleep", "100"] }, deadline),
      new RegExp(`waiting for the end of the command in container ${containerId} for [01]\\.\\d s`),
    );
    await late(
      cri.runtime.stopContainer({ containerId, timeout: 30n }, deadline),
      /waiting for the end after its stop signal of container [0-9a-f]{64} \(SIGKILL in (29|30) s\) for [01]\.\d s/,
    );
    await cri.runtime.removePodSandbox({ podSandboxId });
  });

  it("logs the trace that a failed call belongs to", async () => {
    await using cri = await node.connect();
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    const call = cri.runtime.startContainer({ containerId: "" }, { headers });
    await expect(call).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect
      .poll(() => node.log.filter((line) => line.includes('"rpc":"StartContainer"')).at(-1))
      .toContain(`"trace_id":"${traceId}"`);
  });

  it("T11.08: is for GET /metrics alone, and nothing that is sent to it ends the daemon", async () => {
    const ask = async (path: string, method: string) => {
      const { status } = await fetch(new URL(path, url), { method, ...(method === "POST" && { body: "x".repeat(9) }) });
      return status;
    };
    expect(await ask("/metrics?x=1", "GET")).toBe(200);
    expect(await ask("/metrics", "HEAD")).toBe(200);
    expect(await ask("/metrics", "POST")).toBe(405);
    expect(await ask("/", "GET")).toBe(404);
    expect(await ask("/metrics/../etc/passwd", "GET")).toBe(404);
    const { port } = new URL(url);
    const raw = (text: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = net.connect(Number(port), "127.0.0.1");
        let answer = "";
        socket.on("data", (part) => {
          answer += part.toString("latin1");
        });
        socket.on("error", reject);
        socket.on("close", () => resolve(answer));
        socket.end(text);
      });
    const crossed =
      "GET /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    expect(await raw(crossed)).toMatch(/^HTTP\/1\.1 400/);
    expect(await raw(`GET /metrics HTTP/1.1\r\nhost: x\r\nlong: ${"x".repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431/,
    );
    expect(await raw("GET /metrics HTTP/1.1\r\nhost: x\r\n__proto__: x\r\nconnection: close\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 200/,
    );
    // who only connects takes nobody's place for ever
    const idle = Array.from({ length: 40 }, () => net.connect(Number(port), "127.0.0.1").on("error", () => undefined));
    for (const socket of idle) socket.destroy();
    await expect.poll(() => scrape().then((all) => all.size)).toBeGreaterThan(50);
  });
});
