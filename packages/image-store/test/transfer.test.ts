import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuiltBlob, blob, buildImage } from "../src/build/index.ts";
import { BlobStore, fetchIntoStore, mediaTypes, planPull, streamIntoStore } from "../src/index.ts";
import { digestHex, parseReference } from "../src/reference/index.ts";
import { createRegistryClient, type RegistryClientOptions, type RegistrySession } from "../src/registry/index.ts";
import {
  contentOf,
  plainHosts,
  type Script,
  type ScriptedRegistry,
  sendError,
  serve,
  startScriptedRegistry,
  writeHosts,
} from "./scripted-registry.ts";

const layer = blob(mediaTypes.ociLayer, randomBytes(3 * 2 ** 20));
const { descriptor } = layer;
const content: ReadonlyMap<string, BuiltBlob> = new Map([[`blobs/${descriptor.digest}`, layer]]);
const what = "pull test";
const quick: RegistryClientOptions = {
  retry: { attempts: 3, baseDelayMs: 1, maxDelayMs: 1000 },
  limits: { idleMs: 150 },
};

/** Sends the first `bytes` of what was asked for, then `end`s. */
const partly =
  (bytes: number, end: (socket: { destroy(): void }) => void): Script =>
  (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const { size } = descriptor;
    if (from > 0) response.setHeader("content-range", `bytes ${from}-${size - 1}/${size}`);
    response.writeHead(from > 0 ? 206 : 200, { "content-length": size - from });
    response.write(layer.bytes.subarray(from, from + bytes), () => end({ destroy: () => response.socket?.destroy() }));
  };
/** Follows the scripts in order, the last one for ever. */
const inOrder = (...scripts: readonly Script[]): Script => {
  let i = 0;
  return (request, response) => scripts[Math.min(i++, scripts.length - 1)]?.(request, response);
};
const breaking = partly(1_100_000, (socket) => socket.destroy());
const hanging = partly(1000, () => undefined);
const status =
  (code: number, headers: Record<string, string> = {}): Script =>
  (_, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    sendError(response, code, "X", "not now");
  };

describe("a blob's transfer", () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "keelson-transfer-"));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const newStore = async (): Promise<BlobStore> => BlobStore.open(await mkdtemp(join(root, "store-")));
  async function open(
    hostsToml: (registry: string) => string,
    registry: ScriptedRegistry,
    options = quick,
  ): Promise<RegistrySession> {
    // the folder is read when the session opens
    await using hosts = await writeHosts({ [registry.host]: hostsToml(registry.url) });
    const client = createRegistryClient({ configPath: hosts.path, ...options });
    return await client.open(parseReference(`${registry.host}/app:1`));
  }
  const alone = (registry: ScriptedRegistry, options = quick) =>
    open((url) => `server = "${url}"\n`, registry, options);
  const fetchInto = async (session: RegistrySession, store: BlobStore, signal = new AbortController().signal) => {
    await fetchIntoStore(descriptor, { session, store, what, signal });
    const stored = await readFile(join(store.root, "blobs/sha256", digestHex(descriptor.digest)));
    return stored.equals(layer.bytes);
  };

  it("is resumed by Range where it broke, as often as it gets further", async () => {
    await using registry = await startScriptedRegistry(inOrder(breaking, breaking, serve(content)));
    expect(await fetchInto(await alone(registry), await newStore())).toBe(true);
    expect(registry.seen.map(({ headers }) => headers.range)).toEqual([
      undefined,
      expect.stringMatching(/^bytes=\d+-$/),
      expect.stringMatching(/^bytes=\d+-$/),
    ]);
  });

  it("continues what an earlier pull has left, also at a registry without ranges", async () => {
    const store = await newStore();
    await using first = await startScriptedRegistry(breaking);
    const stopped = fetchInto(await alone(first, { ...quick, retry: { attempts: 1 } }), store);
    await expect(stopped).rejects.toMatchObject({ code: "UNKNOWN", prefix: "RegistryUnavailable" });
    const withoutRanges: Script = (request, response) => {
      delete request.headers.range;
      return serve(content)(request, response);
    };
    await using second = await startScriptedRegistry(withoutRanges);
    expect(await fetchInto(await alone(second), store)).toBe(true);
    expect(second.seen[0]?.rawHeaders.join()).toContain("bytes=");
  });

  it("starts anew when what an earlier pull has left is wrong", async () => {
    const store = await newStore();
    await using ingest = await store.openIngest(descriptor.digest);
    await ingest.write(randomBytes(1000));
    await ingest.close();
    await using registry = await startScriptedRegistry(serve(content));
    expect(await fetchInto(await alone(registry), store)).toBe(true);
  });

  it.each([
    ["hangs", hanging],
    [
      "trickles",
      (request, response) => {
        void partly(1, () => undefined)(request, response);
        const timer = setInterval(() => response.write("x"), 20);
        response.on("close", () => clearInterval(timer));
      },
    ],
  ] as [string, Script][])("ends when the registry %s, and says so", async (_, script) => {
    await using registry = await startScriptedRegistry(script);
    const limits = { idleMs: 150, windowMs: 300, minBytesPerSecond: 1000 };
    const session = await alone(registry, { retry: { attempts: 2, baseDelayMs: 1 }, limits });
    const failure = { code: "UNKNOWN", prefix: "RegistryUnavailable", message: expect.stringContaining("stalled") };
    await expect(fetchInto(session, await newStore())).rejects.toMatchObject(failure);
    expect(registry.seen).toHaveLength(2);
  });

  it("does not blame the registry for a slow reader", async () => {
    await using registry = await startScriptedRegistry(serve(content));
    const session = await alone(registry, { limits: { idleMs: 40, windowMs: 40, minBytesPerSecond: 2 ** 20 } });
    const store = await newStore();
    let pauses = 0;
    for await (const _ of streamIntoStore(descriptor, { session, store, what, signal: new AbortController().signal })) {
      if (pauses++ < 3) await new Promise((resolve) => setTimeout(resolve, 60));
    }
    expect((await store.find(descriptor.digest))?.size).toBe(descriptor.size);
  });

  it("waits as long as Retry-After says, and not at all when that is too long", async () => {
    await using registry = await startScriptedRegistry(
      inOrder(status(503), status(429, { "retry-after": "0" }), serve(content)),
    );
    await fetchInto(await alone(registry), await newStore());
    expect(registry.seen).toHaveLength(3);
    await using busy = await startScriptedRegistry(status(429, { "retry-after": "3600" }));
    await expect(fetchInto(await alone(busy), await newStore())).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    expect(busy.seen).toHaveLength(1);
  });

  it("answers a registry in trouble with the prefix that the kubelet knows", async () => {
    await using registry = await startScriptedRegistry(status(502));
    await expect(fetchInto(await alone(registry), await newStore())).rejects.toMatchObject({
      code: "UNKNOWN",
      prefix: "RegistryUnavailable",
      hint: expect.any(String),
    });
    expect(registry.seen).toHaveLength(3);
  });

  it("falls through from mirrors that are down, lie, have nothing or want credentials", async () => {
    const lie = blob(mediaTypes.ociLayer, randomBytes(descriptor.size));
    await using down = await startScriptedRegistry(status(200));
    const gone = down.url;
    await down[Symbol.asyncDispose]();
    await using liar = await startScriptedRegistry(
      serve(new Map([[`blobs/${descriptor.digest}`, { ...lie, descriptor }]])),
    );
    await using short = await startScriptedRegistry(
      serve(new Map([[`blobs/${descriptor.digest}`, { descriptor, bytes: layer.bytes.subarray(7) }]])),
    );
    await using empty = await startScriptedRegistry(status(404));
    await using closed = await startScriptedRegistry(status(401));
    await using registry = await startScriptedRegistry(serve(content));
    const mirrors = [gone, empty.url, closed.url, short.url, liar.url].map(
      (url) => `[host."${url}"]\ncapabilities = ["pull"]\n`,
    );
    const session = await open((url) => `server = "${url}"\n${mirrors.join("")}`, registry);
    expect(await fetchInto(session, await newStore())).toBe(true);
    for (const mirror of [empty, closed, short, liar]) expect(mirror.seen.length).toBeGreaterThan(0);
    expect(registry.seen).toHaveLength(1);
  });

  it("resumes at the registry what a mirror broke off", async () => {
    await using mirror = await startScriptedRegistry(breaking);
    await using registry = await startScriptedRegistry(serve(content));
    const session = await open((url) => `server = "${url}"\n[host."${mirror.url}"]\n`, registry);
    expect(await fetchInto(session, await newStore())).toBe(true);
    expect(registry.seen[0]?.headers.range).toMatch(/^bytes=/);
  });

  it("refuses a range that was not asked for, and a blob that is longer than it should be", async () => {
    const wrongRange: Script = (_, response) => {
      response.writeHead(206, { "content-range": `bytes 5-${descriptor.size - 1}/${descriptor.size}` });
      response.end(layer.bytes.subarray(5));
    };
    await using odd = await startScriptedRegistry(wrongRange);
    await expect(fetchInto(await alone(odd), await newStore())).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    const longer: Script = (_, response) => {
      response.writeHead(200);
      response.end(Buffer.concat([layer.bytes, Buffer.from("more")]));
    };
    await using long = await startScriptedRegistry(longer);
    const store = await newStore();
    await expect(fetchInto(await alone(long), store)).rejects.toMatchObject({
      code: "DATA_LOSS",
      message: expect.stringContaining("longer than"),
    });
    expect(await store.list()).toEqual([]);
  });

  it("ends with its caller, keeps what came, and lets the next one continue", async () => {
    await using registry = await startScriptedRegistry(
      inOrder(
        partly(1_000_000, () => undefined),
        serve(content),
      ),
    );
    const session = await alone(registry, { limits: { idleMs: 60_000 } });
    const store = await newStore();
    for (const [reason, code] of [
      [undefined, "CANCELED"],
      [new DOMException("late", "TimeoutError"), "DEADLINE_EXCEEDED"],
    ] as const) {
      const given = new AbortController();
      given.abort(reason);
      await expect(fetchInto(session, store, given.signal)).rejects.toMatchObject({ code });
    }
    expect(registry.seen).toHaveLength(0);
    const caller = new AbortController();
    const stream = streamIntoStore(descriptor, { session, store, what, signal: caller.signal });
    await expect(
      (async () => {
        let length = 0;
        for await (const chunk of stream) {
          length += chunk.byteLength;
          if (length === 1_000_000) caller.abort();
        }
      })(),
    ).rejects.toMatchObject({ code: "CANCELED" });
    expect(await fetchInto(session, store)).toBe(true);
    expect(registry.seen.at(-1)?.headers.range).toBe("bytes=1000000-");
  });

  it("T2.09 lets a good pull succeed after a layer that was cut off", async () => {
    const short: Script = (_, response) => void response.writeHead(200, {}).end(layer.bytes.subarray(0, 1000));
    await using registry = await startScriptedRegistry(inOrder(short, short, short, serve(content)));
    const session = await alone(registry);
    const store = await newStore();
    await expect(fetchInto(session, store)).rejects.toMatchObject({
      code: "DATA_LOSS",
      message: expect.stringContaining("ends after 1000"),
    });
    expect(await fetchInto(session, store)).toBe(true);
  });

  it("happens once when two want the same blob", async () => {
    await using registry = await startScriptedRegistry(serve(content));
    const session = await alone(registry);
    const store = await newStore();
    await Promise.all([fetchInto(session, store), fetchInto(session, store), fetchInto(session, store)]);
    expect(registry.seen).toHaveLength(1);
  });

  it("T12.05 fails by itself when the disk does: the error has a category and nothing else breaks", async () => {
    await using registry = await startScriptedRegistry(serve(content));
    const session = await alone(registry);
    const store = await newStore();
    await rm(join(store.root, "ingest"), { recursive: true });
    await expect(fetchInto(session, store)).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.stringContaining("ENOENT"),
    });
    expect(registry.seen).toHaveLength(0);
  });
});

describe("a pull whose registry can't be reached", () => {
  it("is answered with the RegistryUnavailable prefix and a hint, naming what the mirrors said", async () => {
    await using registry = await startScriptedRegistry(status(500));
    await using mirror = await startScriptedRegistry(status(404));
    const { host, url } = registry;
    await registry[Symbol.asyncDispose]();
    await using plain = await plainHosts(host);
    await using hosts = await writeHosts({ [host]: `server = "${url}"\n[host."${mirror.url}"]\n` });
    for (const [path, others] of [
      [plain.path, ""],
      [hosts.path, mirror.host],
    ] as const) {
      await using client = createRegistryClient({ configPath: path, ...quick });
      await expect(planPull(`${host}/app:1`, { client })).rejects.toMatchObject({
        code: "UNKNOWN",
        prefix: "RegistryUnavailable",
        message: expect.stringMatching(new RegExp(`ECONNREFUSED.*${others}`)),
        hint: expect.stringContaining("hosts.toml"),
      });
    }
  });

  it("is NOT_FOUND when a mirror is down and the registry has no such image", async () => {
    await using registry = await startScriptedRegistry(serve(contentOf({ "2": buildImage({ layers: [] }) })));
    await using hosts = await writeHosts({
      [registry.host]: `server = "${registry.url}"\n[host."http://127.0.0.1:1"]\n`,
    });
    await using client = createRegistryClient({ configPath: hosts.path, ...quick });
    await expect(planPull(`${registry.host}/app:1`, { client })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
