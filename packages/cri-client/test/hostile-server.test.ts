import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectCri } from "@keelson/cri-client";
import { expect, test } from "vitest";

test("T11.06: origins and alternatives that a runtime tells without being asked are not kept", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keelson-client-"));
  const path = join(folder, "s");
  const server = http2.createServer();
  server.on("session", (session) => {
    for (let index = 0; index < 1000; index++) session.altsvc(`h2=":${index}"`, "http://a.example");
    for (let index = 0; index < 1000; index++) session.origin(`https://${index}.example`);
  });
  server.on("stream", (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "12" }, { endStream: true });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    await expect(connectCri({ runtimeEndpoint: `unix://${path}` })).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
    // as the client opens it, to look inside
    const session = http2.connect("http://localhost", { createConnection: () => net.createConnection(path) });
    await once(session.request({ ":path": "/" }).resume(), "end");
    expect(session.originSet).toBeUndefined();
    session.destroy();
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
});
