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
      message: expect.stringContaining("runtime.v1.RuntimeService, runtime.v1alpha2.RuntimeService"),
      hint: expect.stringContaining("do not register the node"),
    });
  });

  it("does not take a web server's 404 for a runtime of another version", async () => {
    const asked: string[] = [];
    await listen(
      http2.createServer((request, response) => {
        asked.push(request.url);
        response.writeHead(404);
        response.end("not found");
      }),
    );
    await expect(connect()).rejects.toMatchObject({ code: "UNAVAILABLE", hint: expect.stringContaining("web server") });
    expect(asked).toEqual(["/runtime.v1.RuntimeService/Version"]);
  });

  it("survives a server that does not speak HTTP/2", async () => {
    await listen(http.createServer((_, response) => response.end("not found")));
    await expect(connect()).rejects.toMatchObject({ name: "CriError" });
    // what ends the session comes after the failed call, and would end the process
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  });

  it("calls a socket that is not there unavailable and names it", async () => {
    await expect(connect()).rejects.toMatchObject({ code: "UNAVAILABLE", message: expect.stringContaining(socket) });
  });

  it("gives up on a peer that accepts and stays silent", async () => {
    await listen(net.createServer());
    await expect(connectCri({ runtimeEndpoint: socket, timeoutMs: 50 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
      message: expect.stringContaining("50 ms"),
    });
  });

  it("hands out errors with the category that the runtime sent", async () => {
    await serve(["v1"]);
    await using cri = await connect();
    await expect(cri.runtime.status({})).rejects.toMatchObject({ name: "CriError", code: "UNIMPLEMENTED" });
  });

  it.each(["relative/path", "unix://relative", "http://x", "unix:///%zz", "tcp://host"])(
    "refuses %s as an endpoint",
    async (runtimeEndpoint) => {
      await expect(connectCri({ runtimeEndpoint })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    },
  );
});
