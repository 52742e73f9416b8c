import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";
import { connectCri } from "@keelson/cri-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;
let socket: string;
const servers: net.Server[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keelson-client-"));
  socket = join(folder, "cri.sock");
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true });
});

async function listen<S extends net.Server>(server: S): Promise<void> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
}

/** A runtime that serves these versions and answers everything else as grpc-go does. */
function serve(versions: readonly CriVersion[]): Promise<void> {
  const routes = (router: ConnectRouter): void => {
    for (const version of versions) {
      const { runtime, image } = criServices[version];
      router.service(runtime, { version: () => ({ runtimeName: "test", runtimeApiVersion: version }) });
      router.service(image, { imageFsInfo: () => ({}) });
    }
  };
  const unimplemented = { "content-type": "application/grpc", "grpc-status": "12", "grpc-message": "unknown service" };
  return listen(
    http2.createServer(
      connectNodeAdapter({
        routes,
        fallback: (_, response) => {
          response.writeHead(200, unimplemented);
          response.end();
        },
      }),
    ),
  );
}

const connect = (): ReturnType<typeof connectCri> =>
  connectCri({ runtimeEndpoint: `unix://${socket}`, timeoutMs: 2000 });

describe("connectCri()", () => {
  it.each([
    [["v1", "v1alpha2"], "v1"],
    [["v1"], "v1"],
    [["v1alpha2"], "v1alpha2"],
  ] as const)("meets a runtime that serves %j and chooses %s", async (versions, chosen) => {
    await serve(versions);
    await using cri = await connect();
    expect(cri.version).toBe(chosen);
    expect((await cri.runtime.version({})).runtimeApiVersion).toBe(chosen);
  });

  it("says that nothing is served, and not to register the node, where every version is Unimplemented", async () => {
    await serve([]);
    await expect(connect()).rejects.toMatchObject({
      code: "UNIMPLEMENTED",
      reason: "SERVES_NO_CRI",
      message: expect.stringContaining("runtime.v1.RuntimeService and runtime.v1alpha2.RuntimeService"),
      hint: expect.stringContaining("do not register the node"),
    });
  });

  it.each<http2.OutgoingHttpHeaders>([
    {},
    { "content-type": "text/html", "grpc-status": "12" },
    { "content-type": "application/grpc", "grpc-status-details-bin": "CAw" },
  ])("does not take a web server's 404 for a runtime of another version, with headers %j", async (headers) => {
    const asked: string[] = [];
    await listen(
      http2.createServer((request, response) => {
        asked.push(request.url);
        response.writeHead(404, headers);
        response.end("not found");
      }),
    );
    await expect(connect()).rejects.toMatchObject({
      code: "INTERNAL",
      reason: "NOT_GRPC",
      message: expect.stringContaining(socket),
      hint: expect.stringContaining("web server"),
    });
    expect(asked).toEqual(["/runtime.v1.RuntimeService/Version"]);
  });

  it("survives a server that does not speak HTTP/2", async () => {
    await listen(http.createServer((_, response) => response.end("not found")));
    await expect(connect()).rejects.toMatchObject({ name: "CriError", code: "INTERNAL", reason: "NOT_GRPC" });
    // what ends the session comes after the failed call, and would end the process
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  });

  it("calls a socket that is not there unavailable and names it", async () => {
    await expect(connect()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      reason: "NOT_LISTENING",
      message: expect.stringContaining(socket),
    });
  });

  it("gives up on a peer that accepts and stays silent", async () => {
    await listen(net.createServer());
    await expect(connectCri({ runtimeEndpoint: socket, timeoutMs: 50 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
      message: expect.stringContaining("50 ms"),
    });
  });

  it("says which version is served where none may be spoken", async () => {
    await serve(["v1"]);
    const failed = connectCri({ runtimeEndpoint: socket, versions: ["v1alpha2"] });
    await expect(failed).rejects.toMatchObject({
      code: "UNIMPLEMENTED",
      reason: "NO_COMMON_VERSION",
      message: expect.stringContaining("wanted runtime.v1alpha2.RuntimeService, it serves runtime.v1.RuntimeService"),
    });
  });

  it("passes over endpoints of a list where nothing listens, and over no other failure", async () => {
    await serve(["v1"]);
    await using cri = await connectCri({ runtimeEndpoint: [join(folder, "none.sock"), `unix://${socket}`] });
    expect(cri.version).toBe("v1");
    const none = [join(folder, "none.sock"), join(folder, "none2.sock")];
    await expect(connectCri({ runtimeEndpoint: none })).rejects.toMatchObject({
      reason: "NOT_LISTENING",
      message: expect.stringMatching(/none\.sock.*none2\.sock/),
    });
  });

  it("negotiates each service for itself where they live apart", async () => {
    await serve(["v1alpha2"]);
    const runtimeSocket = socket;
    socket = join(folder, "image.sock");
    await serve(["v1"]);
    await using cri = await connectCri({ runtimeEndpoint: runtimeSocket, imageEndpoint: socket });
    expect([cri.version, cri.imageVersion]).toEqual(["v1alpha2", "v1"]);
    expect(cri.state).toEqual({
      runtime: { name: "ready", version: "v1alpha2" },
      images: { name: "ready", version: "v1" },
    });
    await expect(cri.images.imageFsInfo({})).resolves.toBeDefined();
  });

  it("has one connection where the services share an endpoint", async () => {
    await serve(["v1"]);
    let connections = 0;
    for (const server of servers) server.on("connection", () => connections++);
    await using cri = await connect();
    await cri.images.imageFsInfo({});
    await cri.runtime.version({});
    expect(connections).toBe(1);
  });

  it("refuses a method that the version lacks, without a round trip", async () => {
    await serve(["v1alpha2"]);
    await using cri = await connect();
    const refused = cri.runtime.runtimeConfig({});
    for (const server of servers) server.on("request", () => expect.unreachable("a request was sent"));
    await expect(refused).rejects.toMatchObject({
      code: "UNIMPLEMENTED",
      reason: "NOT_IN_VERSION",
      message: expect.stringContaining("v1alpha2"),
    });
  });

  it("hands out errors with the category that the runtime sent", async () => {
    await serve(["v1"]);
    await using cri = await connect();
    await expect(cri.runtime.status({})).rejects.toMatchObject({ name: "CriError", code: "UNIMPLEMENTED" });
  });

  it.each(["unix://relative", "http://x", "unix:///%zz", "tcp://host"])(
    "refuses %s as an endpoint",
    async (runtimeEndpoint) => {
      await expect(connectCri({ runtimeEndpoint })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    },
  );
});
