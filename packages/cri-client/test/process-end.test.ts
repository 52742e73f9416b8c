import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { criServices } from "@keelson/cri-api/versions";
import { expect, test } from "vitest";

// What a script does that forgets to close: it waits for a slow call, then has nothing left to do.
const script = `
  const { connectCri } = await import(process.argv[1]);
  const cri = await connectCri({ runtimeEndpoint: process.argv[2] });
  console.log((await cri.runtime.status({})).info.slow);
`;

test("a call keeps the process alive until it is answered, an idle connection does not", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keelson-client-"));
  const endpoint = join(folder, "cri.sock");
  const { runtime, image } = criServices.v1;
  const server = http2.createServer(
    connectNodeAdapter({
      routes: (router) => {
        router.service(image, { imageFsInfo: () => ({}) });
        router.service(runtime, {
          version: () => ({ runtimeName: "slow" }),
          status: async () => {
            await new Promise((resolve) => setTimeout(resolve, 300));
            return { info: { slow: "answered" } };
          },
        });
      },
    }),
  );
  try {
    await new Promise<void>((resolve) => server.listen(endpoint, resolve));
    const client = import.meta.resolve("@keelson/cri-client");
    const args = ["--input-type=module", "--eval", script, client, endpoint];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
    expect(stdout).toBe("answered\n");
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
});
