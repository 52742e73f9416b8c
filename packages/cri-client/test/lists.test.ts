import { randomBytes } from "node:crypto";
import http2 from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { ContainerState } from "@keelson/cri-api/v1";
import { type CriConnectionEvent, connectCri } from "@keelson/cri-client";
import { describe, expect, it } from "vitest";
import { createGate, listenOnSocket, type RuntimeParts, StreamingRuntime, unimplemented } from "./streaming-runtime.ts";

/** A connection to a small runtime with these parts; `told` is what it tells of its lists. */
async function connect(parts: RuntimeParts, options: { readonly requestTimeoutMs?: number } = {}) {
  const runtime = await StreamingRuntime.start(parts);
  const told: CriConnectionEvent[] = [];
  const cri = await connectCri({
    runtimeEndpoint: runtime.endpoint,
    ...options,
    onEvent: (event) => {
      if (event.type === "list-fallback") told.push(event);
    },
  });
  return {
    cri,
    runtime,
    told,
    async [Symbol.asyncDispose]() {
      cri.close();
      await runtime[Symbol.asyncDispose]();
    },
  };
}

async function collect<T>(items: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const item of items) into.push(item);
  return into;
}

async function* parts<T>(...all: T[]): AsyncGenerator<T> {
  yield* all;
}

const ids = async (items: AsyncIterable<{ id: string }>): Promise<string[]> =>
  (await collect(items)).map(({ id }) => id);

/** The six lists: each by the streaming method and by the unary one, with the filter that arrived as the item's name. */
const sixLists: readonly {
  readonly name: string;
  readonly streaming: RuntimeParts;
  readonly unary: RuntimeParts;
  readonly list: (lists: Awaited<ReturnType<typeof connect>>["cri"]["lists"]) => AsyncIterable<unknown>;
  readonly items: readonly object[];
}[] = [
  {
    name: "podSandboxes",
    streaming: { runtime: { streamPodSandboxes: ({ filter }) => parts({ podSandboxes: [{ id: filter?.id ?? "" }] }) } },
    unary: { runtime: { listPodSandbox: ({ filter }) => ({ items: [{ id: filter?.id ?? "" }] }) } },
    list: (lists) => lists.podSandboxes({ id: "asked" }),
    items: [{ id: "asked" }],
  },
  {
    name: "containers",
    streaming: { runtime: { streamContainers: ({ filter }) => parts({ containers: [{ id: filter?.id ?? "" }] }) } },
    unary: { runtime: { listContainers: ({ filter }) => ({ containers: [{ id: filter?.id ?? "" }] }) } },
    list: (lists) => lists.containers({ id: "asked" }),
    items: [{ id: "asked" }],
  },
  {
    name: "containerStats",
    streaming: {
      runtime: {
        streamContainerStats: ({ filter }) => parts({ containerStats: [{ attributes: { id: filter?.id ?? "" } }] }),
      },
    },
    unary: { runtime: { listContainerStats: ({ filter }) => ({ stats: [{ attributes: { id: filter?.id ?? "" } }] }) } },
    list: (lists) => lists.containerStats({ id: "asked" }),
    items: [{ attributes: { id: "asked" } }],
  },
  {
    name: "podSandboxStats",
    streaming: {
      runtime: {
        streamPodSandboxStats: ({ filter }) => parts({ podSandboxStats: [{ attributes: { id: filter?.id ?? "" } }] }),
      },
    },
    unary: {
      runtime: { listPodSandboxStats: ({ filter }) => ({ stats: [{ attributes: { id: filter?.id ?? "" } }] }) },
    },
    list: (lists) => lists.podSandboxStats({ id: "asked" }),
    items: [{ attributes: { id: "asked" } }],
  },
  {
    name: "podSandboxMetrics",
    streaming: { runtime: { streamPodSandboxMetrics: () => parts({ podSandboxMetrics: [{ podSandboxId: "a" }] }) } },
    unary: { runtime: { listPodSandboxMetrics: () => ({ podMetrics: [{ podSandboxId: "a" }] }) } },
    list: (lists) => lists.podSandboxMetrics(),
    items: [{ podSandboxId: "a" }],
  },
  {
    name: "images",
    streaming: { images: { streamImages: ({ filter }) => parts({ images: [{ id: filter?.image?.image ?? "" }] }) } },
    unary: { images: { listImages: ({ filter }) => ({ images: [{ id: filter?.image?.image ?? "" }] }) } },
    list: (lists) => lists.images({ image: { image: "asked" } }),
    items: [{ id: "asked" }],
  },
];

describe("cri.lists", () => {
  it.each(sixLists)("$name() asks by the streaming method, with the filter", async ({ streaming, list, items }) => {
    await using small = await connect(streaming);
    expect(await collect(list(small.cri.lists))).toMatchObject(items);
    expect(small.told).toEqual([]);
  });

  it.each(sixLists)("$name() falls to the unary method, and tells it", async ({ name, unary, list, items }) => {
    await using small = await connect(unary);
    expect(await collect(list(small.cri.lists))).toMatchObject(items);
    const service = name === "images" ? "ImageService" : "RuntimeService";
    const method = `${service}/Stream${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    expect(small.told).toEqual([{ type: "list-fallback", endpoint: small.runtime.endpoint, method }]);
  });

  it("hands out items as they come, without the end of the list", async () => {
    const gate = createGate();
    await using small = await connect({
      runtime: {
        async *streamPodSandboxes() {
          yield { podSandboxes: [{ id: "a" }, { id: "b" }] };
          await gate.opened;
          yield { podSandboxes: [{ id: "c" }] };
        },
      },
    });
    const seen: string[] = [];
    for await (const { id } of small.cri.lists.podSandboxes()) {
      seen.push(id);
      if (id === "b") gate.open();
    }
    expect(seen).toEqual(["a", "b", "c"]);
  });

  it("reads no further ahead than the connection holds", async () => {
    const count = 40;
    // what no compression makes small
    const id = randomBytes(64 * 1024).toString("base64");
    let sent = 0;
    await using small = await connect({
      runtime: {
        async *streamContainers() {
          for (; sent < count; sent++) yield { containers: [{ id }] };
        },
      },
    });
    let received = 0;
    let furthest = 0;
    for await (const _ of small.cri.lists.containers()) furthest = Math.max(furthest, sent - received++);
    expect(received).toBe(count);
    expect(furthest).toBeLessThan(10);
  });

  it("asks each time that its result is iterated", async () => {
    let asked = 0;
    await using small = await connect({
      runtime: { streamContainers: () => parts({ containers: [{ id: `${++asked}` }] }) },
    });
    const containers = small.cri.lists.containers();
    expect([await ids(containers), await ids(containers)]).toEqual([["1"], ["2"]]);
  });

  it("cancels the call when the loop is left", async () => {
    const canceled = createGate();
    await using small = await connect({
      runtime: {
        async *streamPodSandboxes(_, { signal }) {
          signal.addEventListener("abort", canceled.open);
          yield { podSandboxes: [{ id: "a" }] };
          await canceled.opened;
        },
      },
    });
    for await (const _ of small.cri.lists.podSandboxes()) break;
    await canceled.opened;
  });

  it("cancels the call when it is returned from while it waits for an item", async () => {
    const asked = createGate();
    const canceled = createGate();
    await using small = await connect({
      runtime: {
        // biome-ignore lint/correctness/useYield: it gives nothing before it is canceled
        async *streamPodSandboxes(_, { signal }) {
          signal.addEventListener("abort", canceled.open);
          asked.open();
          await canceled.opened;
        },
      },
    });
    const items = small.cri.lists.podSandboxes()[Symbol.asyncIterator]();
    const next = items.next();
    await asked.opened;
    await items.return?.();
    await canceled.opened;
    expect(await next).toEqual({ done: true, value: undefined });
  });
});

describe("a streaming list that is not served", () => {
  it("is asked for once until the connection was made anew, told once, and by itself", async () => {
    const asked = { containers: 0, sandboxes: 0 };
    await using small = await connect({
      runtime: {
        streamContainers: () => {
          asked.containers++;
          throw unimplemented("unknown method StreamContainers");
        },
        listContainers: () => ({ containers: [{ id: "c" }] }),
        streamPodSandboxes: () => {
          asked.sandboxes++;
          return parts({ podSandboxes: [{ id: "s" }] });
        },
      },
    });
    const { lists } = small.cri;
    expect(await Promise.all([ids(lists.containers()), ids(lists.containers())])).toEqual([["c"], ["c"]]);
    expect(await ids(lists.containers())).toEqual(["c"]);
    expect(await ids(lists.podSandboxes())).toEqual(["s"]);
    expect(asked).toEqual({ containers: 2, sandboxes: 1 });
    expect(small.told).toHaveLength(1);

    // what comes back may be a newer runtime
    await small.runtime.kill();
    await small.runtime.serve({ runtime: { streamContainers: () => parts({ containers: [{ id: "streamed" }] }) } });
    await small.cri.runtime.version({}, { waitForReady: true });
    expect(await ids(lists.containers())).toEqual(["streamed"]);
    expect(small.told).toHaveLength(1);
  });

  it("costs the deadline no second start", async () => {
    let leftMs = 0;
    await using small = await connect({
      runtime: {
        async *streamContainers() {
          // a refusal that takes its time
          await new Promise((resolve) => setTimeout(resolve, 100));
          yield* parts();
          throw unimplemented("unknown method StreamContainers");
        },
        listContainers: (_, context) => {
          leftMs = context.timeoutMs() ?? 0;
          return {};
        },
      },
    });
    await collect(small.cri.lists.containers({}, { timeoutMs: 60_000 }));
    expect(leftMs).toBeGreaterThan(30_000);
    expect(leftMs).toBeLessThan(59_950);
  });

  it("is not asked for on v1alpha2, and the items are v1's", async () => {
    let asked = 0;
    await using small = await connect({
      versions: ["v1alpha2"],
      runtime: {
        streamContainers: () => {
          asked++;
          return parts();
        },
        listContainers: () => ({ containers: [{ id: "c", state: ContainerState.CONTAINER_RUNNING }] }),
      },
    });
    const [container] = await collect(small.cri.lists.containers());
    expect(container).toMatchObject({ $typeName: "runtime.v1.Container", state: ContainerState.CONTAINER_RUNNING });
    expect([asked, small.told]).toEqual([0, []]);
    await expect(collect(small.cri.lists.podSandboxMetrics())).rejects.toMatchObject({ reason: "NOT_IN_VERSION" });
  });

  it("does not hide that the unary method is not served either", async () => {
    await using small = await connect({});
    await expect(collect(small.cri.lists.containers())).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
  });
});

describe("a list that is ended early", () => {
  const two = { containers: [{ id: "a" }, { id: "b" }] };

  it.each([
    ["an error", new ConnectError("the database is locked", Code.Internal), "INTERNAL"],
    ["Unimplemented, after it has begun", unimplemented("no more"), "UNIMPLEMENTED"],
  ])("throws %s, after the items that came, and asks nothing else", async (_, error, code) => {
    let unary = 0;
    await using small = await connect({
      runtime: {
        async *streamContainers() {
          yield two;
          throw error;
        },
        listContainers: () => {
          unary++;
          return two;
        },
      },
    });
    const seen: { id: string }[] = [];
    await expect(collect(small.cri.lists.containers(), seen)).rejects.toMatchObject({ name: "CriError", code });
    expect(seen.map(({ id }) => id)).toEqual(["a", "b"]);
    expect([unary, small.told]).toEqual([0, []]);
  });

  it("throws when the runtime dies in its middle", async () => {
    const begun = createGate();
    await using small = await connect({
      runtime: {
        async *streamContainers(_, { signal }) {
          yield two;
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      },
    });
    const seen: { id: string }[] = [];
    const list = (async () => {
      for await (const item of small.cri.lists.containers()) {
        seen.push(item);
        begun.open();
      }
    })();
    const ended = expect(list).rejects.toMatchObject({ code: "UNAVAILABLE", reason: "CONNECTION_LOST" });
    await begun.opened;
    await small.runtime.kill();
    await ended;
    expect(seen).toHaveLength(2);
  });

  it.each([
    ["ends without a status", (stream: http2.ServerHttp2Stream) => stream.end()],
    ["is reset", (stream: http2.ServerHttp2Stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)],
  ])("throws when its stream %s", async (_, end) => {
    await using peer = await rawRuntime((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      // one message: containers { id: "a" }
      stream.write(Buffer.from([0, 0, 0, 0, 5, 0x0a, 3, 0x0a, 1, 0x61]), () => end(stream));
    });
    const seen: { id: string }[] = [];
    const list = collect(peer.cri.lists.containers(), seen);
    await expect(list).rejects.toMatchObject({ name: "CriError" });
    expect(seen.length).toBeLessThanOrEqual(1);
  });

  it("does not take a web server's 404 for a method that is not served", async () => {
    await using peer = await rawRuntime((stream) => stream.respond({ ":status": 404 }, { endStream: true }));
    await expect(collect(peer.cri.lists.containers())).rejects.toMatchObject({ reason: "NOT_GRPC" });
    expect(peer.told).toEqual([]);
  });

  it("throws CANCELED when its signal is aborted, also between two items of one part", async () => {
    await using small = await connect({ runtime: { streamContainers: () => parts(two) } });
    const controller = new AbortController();
    const seen: string[] = [];
    const list = async (): Promise<void> => {
      for await (const { id } of small.cri.lists.containers({}, { signal: controller.signal })) {
        seen.push(id);
        controller.abort(new Error("enough"));
      }
    };
    await expect(list()).rejects.toMatchObject({ code: "CANCELED", cause: { message: "enough" } });
    expect(seen).toEqual(["a"]);
    await expect(list()).rejects.toMatchObject({ code: "CANCELED" });
    expect(seen).toEqual(["a"]);
  });

  it.each([
    ["its own", {}, { timeoutMs: 60 }],
    ["the connection's", { requestTimeoutMs: 60 }, {}],
  ])("throws DEADLINE_EXCEEDED after a time of %s", async (_, connection, own) => {
    await using small = await connect(
      {
        runtime: {
          async *streamContainers(_, { signal }) {
            yield two;
            await new Promise((resolve) => signal.addEventListener("abort", resolve));
          },
        },
      },
      connection,
    );
    await expect(collect(small.cri.lists.containers({}, own))).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });
});

/** A runtime that answers StreamContainers by hand. */
async function rawRuntime(answer: (stream: http2.ServerHttp2Stream) => void) {
  const server = http2.createServer();
  let unary = 0;
  server.on("stream", (stream, headers) => {
    // a peer that is left while it answers
    stream.on("error", () => {});
    const method = headers[":path"]?.split("/").at(-1);
    if (method === "StreamContainers") return answer(stream);
    if (method === "ListContainers") unary++;
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.alloc(5));
  });
  const socket = await listenOnSocket(server);
  const told: CriConnectionEvent[] = [];
  const cri = await connectCri({
    runtimeEndpoint: socket.endpoint,
    onEvent: (event) => {
      if (event.type === "list-fallback") told.push(event);
    },
  });
  return {
    cri,
    told,
    async [Symbol.asyncDispose]() {
      cri.close();
      await socket[Symbol.asyncDispose]();
      // whatever the stream did, the unary method is not asked
      expect(unary).toBe(0);
    },
  };
}
