import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";
import { type ConnectOptions, type CriConnection, type CriConnectionEvent, connectCri } from "@keelson/cri-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;
let socket: string;
let stops: (() => Promise<void>)[];
/** Has Status answered, which waits for it. */
let release: () => void;
/** Told when a stream of events ends. */
let left: () => void;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keelson-life-"));
  socket = join(folder, "cri.sock");
  stops = [];
});
afterEach(async () => {
  for (const stop of stops) await stop();
  await rm(folder, { recursive: true });
});

/** A runtime; `stop` is its death: the socket goes, connections break. */
async function start(
  versions: readonly CriVersion[],
  asked: () => void = () => {},
): Promise<{ stop(): Promise<void>; server: http2.Http2Server }> {
  const unimplemented = { "content-type": "application/grpc", "grpc-status": "12" };
  const server = http2.createServer(
    connectNodeAdapter({
      routes: (router) => {
        for (const version of versions) {
          const { runtime, image } = criServices[version];
          router.service(runtime, {
            version() {
              asked();
              return { runtimeName: "test", runtimeApiVersion: version };
            },
            status: () =>
              new Promise((resolve) => {
                release = () => resolve({});
              }),
            async *getContainerEvents(_, { signal }) {
              await new Promise((resolve) => signal.addEventListener("abort", resolve));
              left();
            },
          });
          router.service(image, { imageFsInfo: () => ({}) });
        }
      },
      fallback: (_, response) => {
        response.writeHead(200, unimplemented);
        response.end();
      },
    }),
  );
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  server.on("sessionError", () => {});
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const session of sessions) session.destroy();
    await closed;
  };
  stops.push(stop);
  return { stop, server };
}

/** A connection with what it tells, and a way to wait for it. */
async function watched(options: Partial<ConnectOptions> = {}): Promise<{
  cri: CriConnection;
  seen: CriConnectionEvent[];
  until(name: string): Promise<void>;
  names(): string[];
}> {
  const seen: CriConnectionEvent[] = [];
  let wake = (): void => {};
  const cri = await connectCri({
    runtimeEndpoint: socket,
    timeoutMs: 5000,
    backoff: { initialMs: 5, maxMs: 20 },
    ...options,
    onEvent: (event) => {
      seen.push(event);
      wake();
    },
  });
  return {
    cri,
    seen,
    names: () => seen.map((event) => (event.type === "state" ? event.state.name : event.type)),
    async until(name) {
      while (cri.state.runtime.name !== name) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

describe("a connection's life", () => {
  it("is ready again when the same version comes back, and calls go on as if nothing had been", async () => {
    const first = await start(["v1"]);
    const { cri, until, names } = await watched({ waitForReady: true });
    await first.stop();
    await until("redialing");
    const waiting = cri.runtime.version({});
    await start(["v1"]);
    expect((await waiting).runtimeName).toBe("test");
    expect(cri.state.runtime).toEqual({ name: "ready", version: "v1" });
    expect(names().slice(0, 4)).toEqual(["negotiating", "ready", "lost", "redialing"]);
    expect(names().at(-1)).toBe("ready");
    cri.close();
    expect(names().at(-1)).toBe("closed");
  });

  it("fails a call while the runtime is away, at once and typed, and has it dialled by the next one", async () => {
    const first = await start(["v1"]);
    const { cri, until } = await watched({ backoff: { initialMs: 1, maxMs: 60_000 } });
    await first.stop();
    await until("redialing");
    await expect(cri.runtime.version({})).rejects.toMatchObject({
      code: "UNAVAILABLE",
      reason: "NOT_LISTENING",
      message: expect.stringContaining(socket),
    });
    await start(["v1"]);
    // as a caller that tries again: sooner or later an attempt of its own is due
    for (;;) {
      const answer = await cri.runtime.version({}).catch(() => undefined);
      if (answer !== undefined) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(cri.state.runtime.name).toBe("ready");
    cri.close();
  });

  it.each([
    [["v1alpha2"], "v1alpha2", ["v1"]],
    [["v1", "v1alpha2"], "v1", ["v1alpha2"]],
  ] as const)(
    "of a runtime with %j says restart required when only %s goes, and negotiates anew when asked to",
    async (before, chosen, after) => {
      const first = await start(before);
      const { cri, seen, until } = await watched();
      expect(cri.version).toBe(chosen);
      await first.stop();
      await start(after);
      await until("restart-required");
      expect(cri.state.runtime).toEqual({ name: "restart-required", service: "runtime", chosen, served: after });
      await expect(cri.runtime.version({})).rejects.toMatchObject({
        code: "FAILED_PRECONDITION",
        reason: "RESTART_REQUIRED",
        message: expect.stringContaining(chosen),
      });
      await cri.renegotiate();
      expect(cri.version).toBe(after[0]);
      expect((await cri.runtime.version({})).runtimeApiVersion).toBe(after[0]);
      expect(seen.filter((event) => event.type === "version-changed")).toEqual([
        { type: "version-changed", endpoint: `unix://${socket}`, service: "runtime", from: chosen, to: after[0] },
        { type: "version-changed", endpoint: `unix://${socket}`, service: "image", from: chosen, to: after[0] },
      ]);
      cri.close();
    },
  );

  it("keeps the version that was chosen where an upgraded runtime serves a better one too", async () => {
    const first = await start(["v1alpha2"]);
    const { cri, until } = await watched();
    await first.stop();
    await until("redialing");
    await start(["v1", "v1alpha2"]);
    await until("ready");
    expect(cri.version).toBe("v1alpha2");
    await cri.renegotiate();
    expect(cri.version).toBe("v1");
    cri.close();
  });

  it.each([
    [["v1alpha2"], ["v1", "v1alpha2"], "v1"],
    [["v1"], ["v1alpha2"], "v1alpha2"],
  ] as const)("negotiates by itself when it may: %j, then %j", async (before, after, chosen) => {
    const first = await start(before);
    const { cri, until, names } = await watched({ renegotiate: "automatic" });
    await first.stop();
    await until("redialing");
    await start(after);
    await until("ready");
    expect(cri.version).toBe(chosen);
    expect(names()).toContain("version-changed");
    cri.close();
  });

  it("is ready again when the version that was chosen comes back after a restart was required", async () => {
    const first = await start(["v1"]);
    const { cri, until } = await watched();
    await first.stop();
    const second = await start(["v1alpha2"]);
    await until("restart-required");
    await second.stop();
    await start(["v1"]);
    await until("ready");
    expect(cri.version).toBe("v1");
    cri.close();
  });

  it("says that nothing is served any more, and recovers with the runtime", async () => {
    const first = await start(["v1"]);
    const { cri, until } = await watched();
    await first.stop();
    const second = await start([]);
    await until("serves-no-cri");
    await expect(cri.runtime.version({})).rejects.toMatchObject({ code: "UNIMPLEMENTED", reason: "SERVES_NO_CRI" });
    await expect(cri.renegotiate()).rejects.toMatchObject({ reason: "SERVES_NO_CRI" });
    await second.stop();
    await start(["v1"]);
    await until("ready");
    cri.close();
  });

  it("takes a runtime that is not initialized yet for one that is on its way, not for another version", async () => {
    const first = await start(["v1", "v1alpha2"]);
    const { cri, until, names } = await watched();
    await first.stop();
    // as containerd answers while it recovers
    const starting = await start(["v1"], () => {
      throw new ConnectError("server is not initialized yet", Code.Unknown);
    });
    while (names().filter((name) => name === "redialing").length < 3)
      await new Promise((resolve) => setImmediate(resolve));
    await expect(cri.runtime.version({})).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("server is not initialized yet"),
      hint: expect.stringContaining("wait until it has started"),
    });
    expect(cri.state.runtime.name).toBe("redialing");
    await starting.stop();
    await start(["v1"]);
    await until("ready");
    expect(names()).not.toContain("restart-required");
    cri.close();
  });

  it("fails calls on their way when the runtime dies, and its waiting ones when it is closed", async () => {
    const first = await start(["v1"]);
    const { cri, until } = await watched({ waitForReady: true });
    const onTheWay = cri.runtime.status({});
    const failed = expect(onTheWay).rejects.toMatchObject({ code: "UNAVAILABLE", reason: "CONNECTION_LOST" });
    await cri.runtime.version({});
    await first.stop();
    await failed;
    await until("redialing");
    const waiting = cri.runtime.version({});
    const closed = expect(waiting).rejects.toMatchObject({ code: "CANCELED" });
    cri.close();
    await closed;
    await expect(cri.runtime.version({})).rejects.toMatchObject({ code: "CANCELED" });
    await expect(cri.renegotiate()).rejects.toMatchObject({ code: "CANCELED" });
  });

  it("waits no longer than the call may take, nor than the caller wants", async () => {
    const first = await start(["v1"]);
    const { cri, names } = await watched({ waitForReady: true });
    await first.stop();
    // the second attempt knows what the first has found
    while (names().filter((name) => name === "redialing").length < 2)
      await new Promise((resolve) => setImmediate(resolve));
    await expect(cri.runtime.version({}, { timeoutMs: 30 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
      message: expect.stringContaining("nothing listens"),
    });
    const ended = new AbortController();
    const waiting = cri.runtime.version({}, { signal: ended.signal });
    ended.abort();
    await expect(waiting).rejects.toMatchObject({ code: "CANCELED" });
    cri.close();
  });

  it("lets calls on their way end when the runtime says goodbye, and makes new ones elsewhere", async () => {
    const { server } = await start(["v1"]);
    let end = (): void => {};
    let goodbye = (): void => {};
    server.on("session", (session) => {
      goodbye = () => session.goaway(0);
    });
    const { cri, until, names } = await watched();
    server.prependListener("stream", (_, headers) => {
      if (headers[":path"]?.endsWith("/Status")) end();
    });
    const asked = new Promise<void>((resolve) => {
      end = resolve;
    });
    const slow = cri.runtime.status({});
    await asked;
    goodbye();
    while (!names().includes("lost")) await new Promise((resolve) => setImmediate(resolve));
    await until("ready");
    expect((await cri.runtime.version({})).runtimeName).toBe("test");
    release();
    await expect(slow).resolves.toBeDefined();
    cri.close();
  });

  it("keeps no connection whose negotiation failed, but for the calls on it", async () => {
    let initialized = true;
    const { server } = await start(["v1"], () => {
      if (!initialized) throw new ConnectError("server is not initialized yet", Code.Unknown);
    });
    let open = 0;
    server.on("session", (session) => {
      open++;
      session.on("close", () => open--);
    });
    const { cri, until } = await watched();
    const asked = new Promise<void>((resolve) => {
      server.prependListener("stream", (_, headers) => {
        if (headers[":path"]?.endsWith("/Status")) resolve();
      });
    });
    const slow = cri.runtime.status({});
    await asked;
    for (let round = 0; round < 3; round++) {
      initialized = false;
      await expect(cri.renegotiate()).rejects.toMatchObject({ message: expect.stringContaining("not initialized") });
      initialized = true;
      await until("ready");
    }
    while (open > 2) await new Promise((resolve) => setImmediate(resolve));
    release();
    await expect(slow).resolves.toBeDefined();
    while (open > 1) await new Promise((resolve) => setImmediate(resolve));
    expect((await cri.runtime.version({})).runtimeName).toBe("test");
    cri.close();
  });

  it("waits for a runtime that is not there yet, when it may", async () => {
    const connecting = watched({ waitForReady: true });
    await start(["v1"]);
    const { cri } = await connecting;
    expect(cri.version).toBe("v1");
    cri.close();
  });

  it("stops connecting when the caller has had enough", async () => {
    const ended = new AbortController();
    const connecting = watched({ waitForReady: true, signal: ended.signal });
    const failed = expect(connecting).rejects.toMatchObject({ code: "CANCELED" });
    ended.abort();
    await failed;
    await expect(watched({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELED" });
  });

  it.each([[[]], [["v2"]]])("refuses %j as versions", async (versions) => {
    await expect(watched({ versions: versions as CriVersion[] })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("cancels a stream that is left while it is silent", async () => {
    const { server } = await start(["v1"]);
    const { cri } = await watched();
    const told = new Promise<void>((resolve) => {
      left = resolve;
    });
    const events = cri.runtime.getContainerEvents({})[Symbol.asyncIterator]();
    const asked = new Promise((resolve) => server.once("stream", resolve));
    const failed = expect(events.next()).rejects.toMatchObject({ code: "CANCELED" });
    await asked;
    await events.return?.();
    await failed;
    await told;
    cri.close();
  });
});
