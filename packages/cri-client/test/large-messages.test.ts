import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { criServices } from "@keelson/cri-api/versions";
import { connectCri } from "@keelson/cri-client";
import { expect, test } from "vitest";

const mebi = 1024 * 1024;

/** A runtime that reads requests of at most 1 MiB. */
async function withSmallRuntime(task: (endpoint: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "keelson-client-"));
  const server = http2.createServer(
    connectNodeAdapter({
      readMaxBytes: mebi,
      routes: (router) => {
        router.service(criServices.v1.runtime, { version: () => ({ runtimeName: "small", runtimeApiVersion: "v1" }) });
        router.service(criServices.v1.image, { imageFsInfo: () => ({}), pullImage: () => ({ imageRef: "x" }) });
      },
    }),
  );
  try {
    await new Promise<void>((resolve) => server.listen(join(folder, "cri.sock"), resolve));
    await task(`unix://${join(folder, "cri.sock")}`);
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
}

test.each([2, 12, 17])("a request of %d MiB that is refused is told so, and the connection goes on", async (size) => {
  await withSmallRuntime(async (runtimeEndpoint) => {
    await using cri = await connectCri({ runtimeEndpoint });
    for (let count = 0; count < 3; count++) {
      const pull = cri.images.pullImage({ image: { image: "x".repeat(size * mebi) } });
      await expect(pull).rejects.toMatchObject({
        code: "RESOURCE_EXHAUSTED",
        message: expect.stringContaining("larger"),
      });
      expect(await cri.runtime.version({})).toMatchObject({ runtimeName: "small" });
    }
  });
});
