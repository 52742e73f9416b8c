import { join } from "node:path";
import { inspect } from "node:util";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { parseEndpoint } from "@keelson/cri-api/endpoint";
import { type CreateContainerRequestSchema, RuntimeService } from "@keelson/cri-api/v1";
import { type ConnectOptions, type CriConnection, connectCri } from "@keelson/cri-client";
import { openConnection } from "@keelson/cri-client/probe";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Answer, envelope, FaultyRuntime, good, grpcHeaders } from "./faulty-runtime.ts";

let runtime: FaultyRuntime;
let cri: CriConnection;
beforeEach(async () => {
  runtime = await FaultyRuntime.start();
  cri = await connectCri({ runtimeEndpoint: runtime.socket, timeoutMs: 5000 });
});
afterEach(async () => {
  cri.close();
  await runtime[Symbol.asyncDispose]();
});

describe("connectCri()", () => {
  const wrong: readonly Partial<ConnectOptions>[] = [
    { runtimeEndpoint: [] },
    { runtimeEndpoint: "tcp://1.2.3.999:80" },
    { timeoutMs: 0 },
    { timeoutMs: Number.POSITIVE_INFINITY },
    { timeoutMs: Number.NaN },
    { maxMessageBytes: 0 },
    { maxMessageBytes: Number.POSITIVE_INFINITY },
    { requestTimeoutMs: Number.NaN },
    { deadlines: { status: -1 } },
    { backoff: { maxMs: Number.NaN } },
  ];

  it.each(wrong)("refuses %o before anything is dialled", async (options) => {
    const before = runtime.connections;
    // an error that is the caller's does not pass
    const connecting = connectCri({ runtimeEndpoint: runtime.socket, waitForReady: true, ...options });
    await expect(connecting).rejects.toMatchObject({ name: "CriError", code: "INVALID_ARGUMENT" });
    expect(runtime.connections).toBe(before);
  });

  it("says of an image endpoint where nothing listens that it is that one, and tries no other runtime", async () => {
    const absent = join(runtime.folder, "absent.sock");
    const next = join(runtime.folder, "next.sock");
    await expect(connectCri({ runtimeEndpoint: [runtime.socket, next], imageEndpoint: absent })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      reason: "NOT_LISTENING",
      message: expect.stringMatching(/^connect to unix:\S+absent\.sock: nothing listens there/),
    });
  });
});

describe("a call", () => {
  it("whose request can't be written is refused as the caller's mistake", async () => {
    await expect(cri.runtime.stopContainer({ containerId: "c", timeout: 2n ** 70n })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("StopContainerRequest.timeout"),
    });
  });

  it("with a header that can't be one is refused without its value", async () => {
    const call = cri.runtime.status({}, { headers: { authorization: "secret\nword" } });
    const error: unknown = await call.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(inspect(error)).not.toContain("secret");
  });

  it("fails with what the caller's own function throws, and no other error", async () => {
    runtime.answers.set("Status", good);
    const mine = new Error("mine");
    const call = cri.runtime.status(
      {},
      {
        onHeader() {
          throw mine;
        },
      },
    );
    await expect(call).rejects.toBe(mine);
  });

  it("that streams is ended by what the caller's own function throws", async () => {
    const held = runtime.held("GetContainerEvents");
    const mine = new Error("mine");
    const events = cri.runtime.getContainerEvents(
      {},
      {
        onHeader() {
          throw mine;
        },
      },
    );
    const next = events[Symbol.asyncIterator]().next();
    const stream = await held;
    const closed = new Promise((resolve) => stream.once("close", resolve));
    stream.respond(grpcHeaders);
    stream.write(envelope());
    await expect(next).rejects.toMatchObject({ code: "CANCELED", cause: mine });
    await closed;
  });

  it("that may wait does so too when the runtime goes while it is asked what it keeps", async () => {
    const unimplemented: Answer = (stream) =>
      stream.respond({ ...grpcHeaders, "grpc-status": "12" }, { endStream: true });
    for (const { name } of RuntimeService.methods) if (name !== "Version") runtime.answers.set(name, unimplemented);
    runtime.answers.set("Status", () => {
      runtime.answers.set("Status", good);
      for (const session of runtime.sessions) session.destroy();
    });
    const mount = { containerPath: "/data", hostPath: "/data", readonly: true, recursiveReadOnly: true };
    const request: MessageInitShape<typeof CreateContainerRequestSchema> = {
      podSandboxId: "p",
      config: { mounts: [mount] },
    };
    await expect(cri.runtime.createContainer(request, { waitForReady: true, timeoutMs: 5000 })).rejects.toMatchObject({
      reason: "WEAKER_THAN_ASKED",
    });
    expect(runtime.connections).toBe(2);
  });

  it("among many that wait for one dial makes nobody suspect a leak", async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error): number => warnings.push(warning);
    process.on("warning", warn);
    const connection = openConnection(parseEndpoint(runtime.socket));
    const { version } = RuntimeService.method;
    const call = (): Promise<unknown> => connection.transport.unary(version, undefined, 5000, undefined, {});
    await Promise.all(Array.from({ length: 40 }, call));
    connection.close();
    // warnings are told a tick later
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", warn);
    expect(warnings).toEqual([]);
  });
});
