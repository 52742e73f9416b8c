import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { criServices } from "@keelson/cri-api/versions";
import { connectCri } from "@keelson/cri-client";
import { expect, test } from "vitest";

test.each(["v1", "v1alpha2"] as const)(
  "a pull over %s that fails with its credentials does not show them",
  async (version) => {
    const folder = await mkdtemp(join(tmpdir(), "keelson-secrets-"));
    const server = http2.createServer(
      connectNodeAdapter({
        routes: (router) => {
          router.service(criServices[version].runtime, { version: () => ({}) });
          router.service(criServices[version].image, {
            imageFsInfo: () => ({}),
            pullImage: ({ auth }) => {
              throw new ConnectError(
                `denied: ${auth?.username}:${auth?.password} at https://a/?${auth?.password}`,
                Code.Unknown,
                {
                  "x-tried": auth?.password ?? "",
                },
              );
            },
          });
        },
      }),
    );
    try {
      await new Promise<void>((resolve) => server.listen(join(folder, "s"), resolve));
      await using cri = await connectCri({ runtimeEndpoint: join(folder, "s"), versions: [version] });
      const auth = { username: "ann", password: "p4ssw0rd-of-ann" };
      const error = await cri.images.pullImage({ image: { image: "a/b" }, auth }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        name: "CriError",
        code: "UNKNOWN",
        message: expect.stringContaining("denied: ann:"),
      });
      const shown = inspect(error, { depth: 20, showHidden: true }) + (error as Error).stack;
      expect(shown).toContain("[redacted]");
      expect(shown).not.toContain(auth.password);
    } finally {
      server.close();
      await rm(folder, { recursive: true });
    }
  },
);
