import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type ContainerEvent, type CriConnection, connectCri } from "@keelson/cri-client";
import { createMemoryStore, createSimulatedWorld } from "@keelson/runtime-core/sim";
import { describe, expect, onTestFinished, test } from "vitest";
import { startFakeRuntime } from "../src/index.ts";

const image = "docker.io/library/busybox:1.36";
const config = { metadata: { name: "main" }, image: { image } };
const podNamed = (name: string) => ({ metadata: { name, uid: `uid-of-${name}`, namespace: "ns" } });

/** In the order of the protocol's numbers. */
const happened = ["created", "started", "stopped", "deleted"] as const;

/** What comes next: `resync SANDBOXES CONTAINERS`, or `TYPE ID`. */
async function next(events: AsyncIterator<ContainerEvent, unknown>): Promise<string> {
  const { done, value } = await events.next();
  if (done === true) return "end";
  const event = value as ContainerEvent;
  if (event.type === "resync") return `resync ${event.podSandboxes.length} ${event.containers.length}`;
  const { containerEventType, containerId } = event.event;
  return `${happened[containerEventType]} ${containerId}`;
}

async function runContainer(cri: CriConnection, name: string) {
  const sandboxConfig = podNamed(name);
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig });
  const { containerId } = await cri.runtime.createContainer({ podSandboxId, config, sandboxConfig });
  await cri.runtime.startContainer({ containerId });
  return { pod: podSandboxId, main: containerId };
}

describe("containerEvents()", () => {
  test("sees a pod's whole life, with the statuses of each moment", async () => {
    await using fake = await startFakeRuntime({ script: { images: [image] } });
    await using cri = await connectCri({ runtimeEndpoint: fake.endpoint });
    await cri.images.pullImage({ image: { image } });
    const events = cri.containerEvents()[Symbol.asyncIterator]();
    expect(await next(events)).toBe("resync 0 0");
    const { pod, main } = await runContainer(cri, "pod");
    await cri.runtime.removePodSandbox({ podSandboxId: pod });
    const told: string[] = [];
    while (told.length < 8) told.push(await next(events));
    expect(told).toEqual([
      ...[`created ${pod}`, `started ${pod}`, `created ${main}`, `started ${main}`],
      ...[`stopped ${main}`, `stopped ${pod}`, `deleted ${main}`, `deleted ${pod}`],
    ]);
    await events.return?.();
  });

  test("sees what ended while the runtime was down", async () => {
    const world = createSimulatedWorld();
    const store = createMemoryStore();
    const script = { images: [image], containers: { main: { exit: { code: 7, afterMs: 200 } } } };
    const first = await startFakeRuntime({ world, store, script });
    const before = await connectCri({ runtimeEndpoint: first.endpoint });
    await before.images.pullImage({ image: { image } });
    const { main } = await runContainer(before, "pod");
    before.close();
    const kept = store.crash();
    await new Promise((resolve) => setTimeout(resolve, 400));
    await using second = await startFakeRuntime({ world, store: kept, script });
    await using cri = await connectCri({ runtimeEndpoint: second.endpoint });
    for (const events of [cri.containerEvents(), cri.containerEvents()]) {
      const reader = events[Symbol.asyncIterator]();
      expect([await next(reader), await next(reader)]).toEqual(["resync 1 1", `stopped ${main}`]);
      await reader.return?.();
    }
    await first.close();
  });

  test("lets the runtime end at once", async () => {
    const fake = await startFakeRuntime();
    await using cri = await connectCri({ runtimeEndpoint: fake.endpoint });
    const events = cri.containerEvents()[Symbol.asyncIterator]();
    await next(events);
    const ended = events.next().catch(() => {});
    const began = performance.now();
    await fake.close();
    expect(performance.now() - began).toBeLessThan(3000);
    cri.close();
    await ended;
  });
});

describe("lists", () => {
  test("come whole where one message could not hold them", { timeout: 30_000 }, async () => {
    await using fake = await startFakeRuntime();
    await using cri = await connectCri({ runtimeEndpoint: fake.endpoint });
    const annotations = { large: "x".repeat(900_000) };
    for (let index = 0; index < 20; index++) {
      await cri.runtime.runPodSandbox({ config: { ...podNamed(`pod-${index}`), annotations } });
    }
    await expect(cri.runtime.listPodSandbox({})).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    const names = new Set<string | undefined>();
    for await (const { metadata } of cri.lists.podSandboxes()) names.add(metadata?.name);
    expect(names.size).toBe(20);
  });

  test("are the same in parts and as one message, and empty where there is nothing", async () => {
    await using fake = await startFakeRuntime({ script: { images: [image] } });
    const told: string[] = [];
    await using cri = await connectCri({
      runtimeEndpoint: fake.endpoint,
      onEvent: (event) => event.type === "list-fallback" && told.push(event.method),
    });
    expect(await all(cri.lists.containers())).toEqual([]);
    expect(await all(cri.lists.images())).toEqual([]);
    await cri.images.pullImage({ image: { image } });
    const { pod } = await runContainer(cri, "one");
    await runContainer(cri, "two");
    const filter = { podSandboxId: pod };
    expect(await all(cri.lists.containers(filter))).toEqual((await cri.runtime.listContainers({ filter })).containers);
    expect(await all(cri.lists.podSandboxes())).toEqual((await cri.runtime.listPodSandbox({})).items);
    expect(await all(cri.lists.images())).toEqual((await cri.images.listImages({})).images);
    expect(told).toEqual([]);
  });
});

describe.skipIf(process.env.KEELSON_LONG === undefined)("256 lists of 1 MiB at once on one connection", () => {
  test("all reach the client, as one message and in parts", { timeout: 180_000 }, async () => {
    await using fake = await startFakeRuntime();
    await using cri = await connectCri({ runtimeEndpoint: fake.endpoint });
    const annotations = { large: "x".repeat(64 * 1024) };
    for (let index = 0; index < 16; index++) {
      await cri.runtime.runPodSandbox({ config: { ...podNamed(`pod-${index}`), annotations } });
    }
    const whole = await Promise.all(Array.from({ length: 256 }, () => cri.runtime.listPodSandbox({})));
    expect(whole.map(({ items }) => items.length)).toEqual(whole.map(() => 16));
    const parts = await Promise.all(Array.from({ length: 256 }, () => all(cri.lists.podSandboxes())));
    expect(parts.map((items) => items.length)).toEqual(parts.map(() => 16));
  });
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const item of items) read.push(item);
  return read;
}

describe.skipIf(process.env.KEELSON_LONG === undefined)("10,000 subscribers that hang", () => {
  test("cost bounded memory, are named each, and hold up nobody", { timeout: 300_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "keelson-hung-"));
    const path = join(folder, "s");
    const fake = spawn(join(import.meta.dirname, "../../../bin/keelson-fake"), ["--listen", `unix://${path}`], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    onTestFinished(async () => {
      fake.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    });
    const named = new Set<string>();
    createInterface({ input: fake.stderr }).on("line", (line) => {
      const caller = /hung\/\d+/.exec(line)?.[0];
      if (caller === undefined) return;
      expect(named).not.toContain(caller);
      named.add(caller);
    });
    await once(fake.stdout, "data");
    await using cri = await connectCri({ runtimeEndpoint: `unix://${path}` });
    const rssMb = async (): Promise<number> =>
      Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${fake.pid}/status`, "utf8"))?.[1]) / 1024;
    const atFirst = await rssMb();

    const closed: Promise<unknown>[] = [];
    for (let session = 0; session < 20; session++) {
      const client = http2.connect("http://localhost", {
        createConnection: () => net.createConnection(path),
        settings: { initialWindowSize: 1024 },
      });
      client.on("error", () => {});
      onTestFinished(() => client.destroy());
      for (let index = 0; index < 500; index++) {
        const stream = client.request({
          ":method": "POST",
          ":path": "/runtime.v1.RuntimeService/GetContainerEvents",
          "content-type": "application/grpc",
          te: "trailers",
          "user-agent": `hung/${session * 500 + index}`,
        });
        stream.on("error", () => {});
        stream.end(new Uint8Array(5));
        closed.push(once(stream, "close").catch(() => {}));
      }
      await cri.runtime.version({});
    }

    const reader = cri.containerEvents()[Symbol.asyncIterator]();
    await next(reader);
    const annotations = { filler: "x".repeat(8000) };
    let slowest = 0;
    for (let index = 0; index < 200; index++) {
      const began = performance.now();
      const { podSandboxId } = await cri.runtime.runPodSandbox({
        config: { ...podNamed(`pod-${index}`), annotations },
      });
      slowest = Math.max(slowest, performance.now() - began);
      while (!(await next(reader)).includes(`started ${podSandboxId}`));
    }
    const told = await rssMb();
    await Promise.all(closed);
    await reader.return?.();
    // what it writes down arrives in its own time
    await expect.poll(() => named.size, { timeout: 20_000 }).toBe(10_000);
    expect(told - atFirst).toBeLessThan(1024);
    // also on a busy machine far below the two minutes that a kubelet waits
    expect(slowest).toBeLessThan(20_000);
  });
});
