import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { connectCri } from "@keelson/cri-client";
import { describe, expect, test } from "vitest";
import { usePeers } from "./peer.ts";

describe("negotiation", () => {
  const peers = usePeers();
  const connect = (timeoutMs = 5000): ReturnType<typeof connectCri> =>
    connectCri({ runtimeEndpoint: `unix://${peers.socket}`, timeoutMs });

  test.each([
    ["v1,v1alpha2", "v1"],
    ["v1", "v1"],
    ["v1alpha2", "v1alpha2"],
  ])("a runtime that serves %s is spoken to in %s", async (versions, chosen) => {
    await peers.runtime({ args: ["--versions", versions] });
    const cri = await connect();
    expect([cri.version, cri.imageVersion]).toEqual([chosen, chosen]);
    expect(await cri.runtime.version({})).toMatchObject({ runtimeName: "peer", runtimeApiVersion: versions });
    cri.close();
  });

  test("both services share one connection", async () => {
    await peers.runtime();
    const cri = await connect();
    await cri.images.imageFsInfo({});
    expect((await cri.runtime.version({})).runtimeVersion).toBe("1");
    cri.close();
  });

  test("each service is negotiated for itself where they live apart", async () => {
    const image = join(peers.folder, "image.sock");
    await peers.runtime({ args: ["--services", "runtime", "--versions", "v1"] });
    await peers.runtime({ socket: image, args: ["--services", "image", "--versions", "v1alpha2"] });
    const cri = await connectCri({ runtimeEndpoint: peers.socket, imageEndpoint: image });
    expect([cri.version, cri.imageVersion]).toEqual(["v1", "v1alpha2"]);
    await cri.images.imageFsInfo({});
    cri.close();
  });

  test("of several endpoints the first is taken where something listens", async () => {
    await peers.runtime();
    const cri = await connectCri({ runtimeEndpoint: [join(peers.folder, "none.sock"), peers.socket] });
    expect(cri.version).toBe("v1");
    cri.close();
  });

  test("an endpoint without CRI is told as such", async () => {
    await peers.runtime({ args: ["--versions", "none"] });
    await expect(connect()).rejects.toMatchObject({ code: "UNIMPLEMENTED", reason: "SERVES_NO_CRI" });
  });

  test.each(["web-server", "garbage"] as const)("a %s is no runtime", async (kind) => {
    await peers.noRuntime(kind);
    await expect(connect()).rejects.toMatchObject({ code: "INTERNAL", reason: "NOT_GRPC" });
  });

  test("a web server of HTTP/1 is no runtime", async () => {
    await peers.noRuntime("old-web-server");
    // it answers and closes at once: Bun may drop what came with the end, Deno sees first that it can't write any more
    const early = "bun" in process.versions || "deno" in process.versions;
    const reason = early ? /^(NOT_GRPC|CONNECTION_LOST)$/ : /^NOT_GRPC$/;
    await expect(connect()).rejects.toMatchObject({ name: "CriError", reason: expect.stringMatching(reason) });
  });

  test("a silent peer is given up after the time that the caller set", async () => {
    await peers.noRuntime("silent");
    const before = performance.now();
    await expect(connect(200)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(performance.now() - before).toBeLessThan(2000);
  });

  test.each(["resets", "hangup"] as const)("a peer that %s is unavailable", async (kind) => {
    await peers.noRuntime(kind);
    await expect(connect()).rejects.toMatchObject({ code: "UNAVAILABLE", reason: "CONNECTION_LOST" });
  });

  test("a socket that is not there is unavailable and named", async () => {
    await expect(connect()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      reason: "NOT_LISTENING",
      message: expect.stringContaining(peers.socket),
    });
  });

  test("a socket whose runtime has died is unavailable", async () => {
    const peer = await peers.runtime();
    await peer.kill();
    await expect(connect()).rejects.toMatchObject({ code: "UNAVAILABLE", reason: "NOT_LISTENING" });
  });

  test("a folder where the socket should be is named", async () => {
    await mkdir(peers.socket);
    await expect(connect()).rejects.toMatchObject({ name: "CriError", message: expect.stringContaining(peers.socket) });
  });

  test.each(["http://x", "unix://x/y", "unix:///%zz"])("%s is no endpoint", async (runtimeEndpoint) => {
    await expect(connectCri({ runtimeEndpoint })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("the caller can end the connecting", async () => {
    await peers.noRuntime("silent");
    const caller = new AbortController();
    const connecting = connectCri({ runtimeEndpoint: peers.socket, signal: caller.signal });
    const ended = expect(connecting).rejects.toMatchObject({ code: "CANCELED" });
    caller.abort();
    await ended;
  });

  test("an abstract socket is reached, or refused as unavailable", async ({ task }) => {
    const name = `keelson-runtimes-${process.pid}`;
    await peers.runtime({ socket: `@${name}` });
    const connecting = connectCri({ runtimeEndpoint: `unix-abstract:${name}`, timeoutMs: 2000 });
    const error = await connecting.then(
      (cri) => cri.close(),
      (failure: unknown) => failure,
    );
    task.meta.ability = { name: "sockets of Linux's abstract namespace", has: error === undefined };
    if (error !== undefined) expect(error).toMatchObject({ code: "UNAVAILABLE", reason: "NOT_LISTENING" });
  });
});
