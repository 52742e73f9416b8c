import { once } from "node:events";
import net from "node:net";
import { gzipSync } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { clients, connect, frame, literals, preface, rawCall, startServer } from "./server-harness.ts";

describe("a served core", () => {
  it("answers both versions, each by its path", async () => {
    const { path, server } = await startServer();
    expect(server.endpoint).toBe(`unix://${path}`);
    for (const version of ["v1", "v1alpha2"] as const) {
      const { runtime } = clients(path, version);
      expect(await runtime.version({})).toMatchObject({ runtimeName: "keelson", runtimeApiVersion: version });
      expect((await runtime.status({})).status?.conditions.map(({ type }) => type)).toEqual([
        "RuntimeReady",
        "NetworkReady",
      ]);
    }
  });

  it("answers many calls at once", async () => {
    const { path } = await startServer();
    const { runtime } = clients(path);
    const answers = await Promise.all(Array.from({ length: 300 }, () => runtime.version({})));
    expect(answers.every(({ runtimeName }) => runtimeName === "keelson")).toBe(true);
  });

  it.each([
    "/runtime.v1.RuntimeService/Nothing",
    "/runtime.v2.RuntimeService/Version",
    "/",
    "/runtime.v1.RuntimeService/Version?x",
    "/runtime.v1alpha2.RuntimeService/RuntimeConfig",
  ])("answers grpc-status 12 to %s", async (url) => {
    const { path } = await startServer();
    const { headers, trailers } = await rawCall(connect(path), url);
    expect(headers).toMatchObject({ ":status": 200, "content-type": "application/grpc", "grpc-status": "12" });
    expect(trailers).toEqual({});
  });

  it("answers grpc-status 12 to a version that it was told not to serve", async () => {
    const { path } = await startServer({ versions: ["v1alpha2"] });
    const { headers } = await rawCall(connect(path), "/runtime.v1.RuntimeService/Version");
    expect(headers["grpc-status"]).toBe("12");
    expect((await clients(path, "v1alpha2").runtime.version({})).runtimeApiVersion).toBe("v1alpha2");
  });

  it("answers grpc-status 12 to what its engine can't do", async () => {
    const { path } = await startServer();
    // container_id: "a"
    const request = Uint8Array.of(0, 0, 0, 0, 3, 0x0a, 1, 0x61);
    const method = "/runtime.v1.RuntimeService/CheckpointContainer";
    const { headers, trailers } = await rawCall(connect(path), method, [request]);
    expect(headers[":status"]).toBe(200);
    expect(trailers["grpc-status"]).toBe("12");
  });

  it("waits for a call however long it takes, where only its caller's time is short", async () => {
    const { path, faults } = await startServer({ stalledMs: 100 });
    const hold = faults.hold("image.pull");
    const pull = clients(path).images.pullImage({ image: { image: "docker.io/library/busybox:latest" } });
    await hold.arrived(1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    hold.release();
    expect((await pull).imageRef).toMatch(/^sha256:/);
  });

  it("answers before the caller's deadline, naming what it waits for", async () => {
    const { path, faults } = await startServer();
    const hold = faults.hold("image.pull");
    const { images } = clients(path);
    const pull = images.pullImage({ image: { image: "docker.io/library/busybox:latest" } }, { timeoutMs: 700 });
    const error = await pull.then(() => expect.fail("it was held"), ConnectError.from);
    expect(error.code).toBe(Code.DeadlineExceeded);
    expect(error.rawMessage).toMatch(/^PullImage: deadline reached while pulling docker.io\/library\/busybox:latest/);
    hold.release();
  });
});

describe("what a broken or hostile client sends", () => {
  it("T11.07: is refused by the length that a message claims, before the message", async () => {
    const { path } = await startServer();
    const claims4GiB = Uint8Array.of(0, 255, 255, 255, 255);
    const { trailers } = await rawCall(connect(path), "/runtime.v1.RuntimeService/Version", [claims4GiB]);
    expect(trailers["grpc-status"]).toBe(String(Code.ResourceExhausted));
    expect((await clients(path).runtime.version({})).runtimeName).toBe("keelson");
  });

  const message = Uint8Array.of(0, 0, 0, 0, 0);
  const compressed = (bytes: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.of(1, 0, 0, 0, bytes.length), bytes]);
  const gzipped = compressed(gzipSync(new Uint8Array(0)));
  const json = Buffer.concat([Uint8Array.of(0, 0, 0, 0, 2), Buffer.from("{}")]);
  it.each<[string, readonly Uint8Array[], Record<string, string>, number | Code]>([
    ["no message", [], {}, Code.Unimplemented],
    ["two messages", [message, message], {}, Code.Unimplemented],
    ["a piece of a message", [message.subarray(0, 3)], {}, Code.InvalidArgument],
    ["less than it claims", [Uint8Array.of(0, 0, 0, 0, 9, 1)], {}, Code.InvalidArgument],
    ["what is no message", [Uint8Array.of(0, 0, 0, 0, 1, 0xff)], {}, Code.Internal],
    ["a compressed message without a word of how", [gzipped], {}, Code.Internal],
    ["a compressed message", [gzipped], { "grpc-encoding": "gzip" }, Code.Unimplemented],
    ["a compression that nobody knows", [message], { "grpc-encoding": "x" }, Code.Unimplemented],
    ["no compression, by name", [message], { "grpc-encoding": "identity" }, 0],
    ["JSON", [json], { "content-type": "application/grpc+json" }, 0],
    ["a deadline", [message], { "grpc-timeout": "99999999n" }, 0],
    ["a deadline that is over", [message], { "grpc-timeout": "0n" }, Code.DeadlineExceeded],
    ["a deadline that is none", [message], { "grpc-timeout": "5X" }, Code.InvalidArgument],
  ])("is answered by its own status: %s", async (_, body, headers, code) => {
    const { path } = await startServer();
    const { trailers } = await rawCall(connect(path), "/runtime.v1.RuntimeService/Version", body, headers);
    expect(trailers["grpc-status"]).toBe(String(code));
  });

  it.each([
    ["content type", { "content-type": "text/plain" }, 415],
    ["method", { ":method": "PUT" }, 405],
  ])("is no gRPC by its %s", async (_, wrong, status) => {
    const { path } = await startServer();
    const { headers } = await rawCall(connect(path), "/runtime.v1.RuntimeService/Version", [message], wrong);
    expect(headers[":status"]).toBe(status);
  });

  it("may come in fragments of one byte", async () => {
    const { path } = await startServer();
    const text = "x".repeat(20_000);
    const message = Buffer.concat([Buffer.from([0x0a, 0xa0, 0x9c, 0x01]), Buffer.from(text)]);
    const envelope = Buffer.concat([Buffer.from([0, 0, 0, 0, 0]), message]);
    envelope.writeUInt32BE(message.length, 1);
    const bytes = Array.from(envelope, (byte) => Uint8Array.of(byte));
    const { trailers } = await rawCall(connect(path), "/runtime.v1.RuntimeService/Version", bytes);
    expect(trailers["grpc-status"]).toBe("0");
  });

  it("T11.07, T12.05: ends its own stream or session only", async () => {
    const { path } = await startServer();
    const good = clients(path).runtime;
    const post = [
      [":method", "POST"],
      [":scheme", "http"],
      ["content-type", "application/grpc"],
    ] as const;
    const version = "/runtime.v1.RuntimeService/Version";
    const body = frame(0, 1, 1, new Uint8Array(5));
    const attacks: readonly Uint8Array[] = [
      Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
      Buffer.from("\0\0\0\0"),
      // no :authority
      Buffer.concat([preface, frame(1, 4, 1, literals([...post, [":path", version]])), body]),
      // a path without its slash
      Buffer.concat([preface, frame(1, 4, 1, literals([...post, [":authority", "x"], [":path", "Version"]])), body]),
      // an authority that no URL can hold
      Buffer.concat([preface, frame(1, 4, 1, literals([...post, [":authority", "a b["], [":path", version]])), body]),
      Buffer.concat([
        preface,
        frame(1, 4, 1, literals([...post, [":authority", "x"], [":path", version], ["__proto__", "x"]])),
        body,
      ]),
      // a frame longer than the settings allow, a frame of no known type, a window of nothing
      Buffer.concat([preface, frame(0, 0, 1, new Uint8Array(20_000))]),
      Buffer.concat([preface, frame(99, 255, 7, new Uint8Array(10))]),
      Buffer.concat([preface, frame(8, 0, 0, new Uint8Array(4))]),
    ];
    for (const attack of attacks) {
      const socket = net.connect(path);
      socket.on("error", () => {});
      socket.end(attack);
      socket.resume();
      await once(socket, "close");
      expect((await good.version({})).runtimeName).toBe("keelson");
    }
  });

  it("T11.04: is cut off when it stalls: half a request, or a window of nothing for the answer", async () => {
    const { path } = await startServer({ stalledMs: 100 });
    const headers = {
      ":method": "POST",
      ":path": "/runtime.v1.RuntimeService/Version",
      "content-type": "application/grpc",
    };
    const half = connect(path).request(headers);
    half.on("error", () => {});
    half.write(Uint8Array.of(0, 0));
    await once(half, "close");
    expect(half.rstCode).not.toBe(0);

    const session = connect(path, { settings: { initialWindowSize: 0 } });
    const stalled = session.request(headers);
    stalled.on("error", () => {});
    stalled.end(new Uint8Array(5));
    await once(stalled, "close");
    expect(stalled.rstCode).not.toBe(0);
    expect((await clients(path).runtime.version({})).runtimeName).toBe("keelson");
  });

  it("T11.01: is told to go when it resets streams without end", async () => {
    const { path } = await startServer();
    const session = connect(path);
    await once(session, "connect");
    const gone = once(session, "goaway");
    let resets = 0;
    const reset = (): void => {
      if (session.closed || session.destroyed || resets++ > 2000) return;
      const stream = session.request({ ":method": "POST", ":path": "/runtime.v1.RuntimeService/Version" });
      stream.on("error", () => {});
      stream.on("close", () => setImmediate(reset));
      stream.close(8);
    };
    for (let index = 0; index < 10; index++) reset();
    await gone;
    expect(resets).toBeLessThan(2000);
    expect((await clients(path).runtime.version({})).runtimeName).toBe("keelson");
  });
});

describe("closing", () => {
  it("lets calls that run end", async () => {
    const { path, server, faults } = await startServer();
    const hold = faults.hold("image.pull");
    const pull = clients(path).images.pullImage({ image: { image: "docker.io/library/busybox:latest" } });
    await hold.arrived(1);
    const closed = server.close();
    hold.release();
    expect((await pull).imageRef).toMatch(/^sha256:/);
    await closed;
    await server.close();
  });

  it("cuts off what has not ended by its deadline", async () => {
    const { path, server, faults } = await startServer({ drainMs: 50 });
    const hold = faults.hold("image.pull");
    const pull = clients(path)
      .images.pullImage({ image: { image: "docker.io/library/busybox:latest" } })
      .then(
        () => "answered",
        () => "cut off",
      );
    await hold.arrived(1);
    await server.close();
    expect(await pull).toBe("cut off");
    hold.release();
  });
});
