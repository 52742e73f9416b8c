import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { criServices } from "@keelson/cri-api/versions";
import { expect, test } from "vitest";

// What programs do that have nothing left to do in the end.
const programs = {
  "forgets to close, and waits for a slow call": "console.log((await cri.runtime.status({})).info.slow);",
  "leaves a stream, then closes": `
    for await (const part of cri.runtime.streamContainers({})) {
      console.log(part.containers[0].id);
      break;
    }
    cri.close();`,
  "closes while a call is on its way": `
    const call = cri.runtime.reopenContainerLog({ containerId: "silent" });
    await cri.runtime.version({});
    cri.close();
    console.log(await call.catch((error) => error.code));`,
};

test.each([
  ["forgets to close, and waits for a slow call", "answered\n"],
  ["leaves a stream, then closes", "one\n"],
  ["closes while a call is on its way", "CANCELED\n"],
] as const)("a program ends by itself that %s", async (what, said) => {
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
          async *streamContainers(_, { signal }) {
            yield { containers: [{ id: "one" }] };
            await new Promise((resolve) => signal.addEventListener("abort", resolve));
          },
          reopenContainerLog: (_, { signal }) =>
            new Promise((resolve) => signal.addEventListener("abort", () => resolve({}))),
        });
      },
    }),
  );
  try {
    await new Promise<void>((resolve) => server.listen(endpoint, resolve));
    const script = `
      const { connectCri } = await import(process.argv[1]);
      const cri = await connectCri({ runtimeEndpoint: process.argv[2] });
      ${programs[what]}`;
    const client = import.meta.resolve("@keelson/cri-client");
    const args = ["--input-type=module", "--eval", script, client, endpoint];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
    expect(stdout).toBe(said);
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
});
