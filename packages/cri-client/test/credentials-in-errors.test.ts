import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { CriError } from "@keelson/cri-api/errors";
import { AuthConfigSchema, type PullImageRequest } from "@keelson/cri-api/v1";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";
import { type CriConnection, type CriConnectionEvent, connectCri } from "@keelson/cri-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const password = 'p@ss "w\\rd% é';
const auth = {
  username: "user",
  password,
  auth: btoa("user:other-password"),
  serverAddress: "registry.example",
  identityToken: "identity-secret",
  registryToken: "registry-secret",
};
/** Everything that must not be seen: what was given, what is made of it, and how it looks escaped. */
const secrets = [
  password,
  encodeURIComponent(password),
  JSON.stringify(password).slice(1, -1),
  auth.auth,
  "other-password",
  Buffer.from(`user:${password}`).toString("base64"),
  auth.identityToken,
  auth.registryToken,
];
const all = secrets.join(" | ");

let folder: string;
let socket: string;
let server: Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keelson-secrets-"));
  socket = join(folder, "cri.sock");
});
afterEach(async () => {
  server?.close();
  await rm(folder, { recursive: true });
});

type Pull = (request: PullImageRequest) => Promise<{ imageRef: string }>;

/** A runtime that does with a pull what it is told, and its client. */
async function connect(
  pullImage: Pull,
  version: CriVersion,
  onEvent?: (event: CriConnectionEvent) => void,
): Promise<CriConnection> {
  const { runtime, image } = criServices[version];
  const listening = http2.createServer(
    connectNodeAdapter({
      routes: (router) => {
        router.service(runtime, { version: () => ({ runtimeName: "test" }), status: () => ({}) });
        router.service(image, {
          imageFsInfo: () => ({}),
          pullImage: (request) => pullImage(request as PullImageRequest),
        });
      },
    }),
  );
  server = listening;
  await new Promise<void>((resolve) => listening.listen(socket, resolve));
  return connectCri({ runtimeEndpoint: socket, versions: [version], timeoutMs: 5000, ...(onEvent && { onEvent }) });
}

async function failure(cri: CriConnection, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<unknown> {
  try {
    await cri.images.pullImage({ image: { image: "busybox" }, auth }, options);
  } catch (error) {
    return error;
  }
  throw new Error("the pull did not fail");
}

function shownBy(error: unknown): string {
  const texts = [
    inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null, maxArrayLength: null }),
  ];
  for (let one = error; one instanceof Error; one = one.cause) {
    texts.push(
      one.message,
      one.stack ?? "",
      String(one),
      JSON.stringify(one),
      one instanceof CriError ? (one.hint ?? "") : "",
    );
  }
  return texts.join("\n");
}

describe.each(["v1", "v1alpha2"] as const)("T1.10 credentials of a pull over %s", (version) => {
  it.each<[string, () => ConnectError]>([
    ["the message", () => new ConnectError(`denied: ${all}`, Code.Unknown)],
    ["a message with a prefix", () => new ConnectError(`RegistryUnavailable: ${all}`, Code.Unknown)],
    ["trailers", () => new ConnectError("denied", Code.PermissionDenied, { "x-debug": encodeURIComponent(all) })],
    [
      "details",
      () =>
        new ConnectError("denied", Code.Internal, undefined, [
          { desc: AuthConfigSchema, value: create(AuthConfigSchema, auth) },
        ]),
    ],
  ])("are not in an error of a runtime that repeats them in %s", async (_, made) => {
    await using cri = await connect(() => Promise.reject(made()), version);
    const error = await failure(cri);
    expect(error).toMatchObject({ name: "CriError" });
    const shown = shownBy(error);
    for (const secret of secrets) expect(shown).not.toContain(secret);
  });

  it("are not in the error of a pull that takes too long, is ended by its caller, or loses its connection", async () => {
    const events: CriConnectionEvent[] = [];
    const caller = new AbortController();
    let pulling = Promise.withResolvers<void>();
    await using cri = await connect(
      () => {
        pulling.resolve();
        return new Promise(() => {});
      },
      version,
      (event) => events.push(event),
    );
    const errors = [await failure(cri, { timeoutMs: 100 })];
    pulling = Promise.withResolvers();
    const ended = failure(cri, { signal: caller.signal });
    await pulling.promise;
    caller.abort();
    errors.push(await ended);
    pulling = Promise.withResolvers();
    const lost = failure(cri);
    await pulling.promise;
    cri.close();
    errors.push(await lost);
    expect(errors).toMatchObject([{ code: "DEADLINE_EXCEEDED" }, { code: "CANCELED" }, { name: "CriError" }]);
    for (const shown of [...errors.map(shownBy), inspect(events, { depth: Number.POSITIVE_INFINITY })]) {
      for (const secret of secrets) expect(shown).not.toContain(secret);
    }
  });

  it("reach the runtime as they are", async () => {
    const got = Promise.withResolvers<PullImageRequest>();
    await using cri = await connect((request) => {
      got.resolve(request);
      return Promise.resolve({ imageRef: "sha256:1" });
    }, version);
    await cri.images.pullImage({ image: { image: "busybox" }, auth });
    expect((await got.promise).auth).toMatchObject(auth);
  });
});
