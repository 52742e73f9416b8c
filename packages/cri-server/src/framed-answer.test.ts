import { create, toBinary } from "@bufbuild/protobuf";
import { createConnectRouter } from "@connectrpc/connect";
import { ListContainersResponseSchema, VersionResponseSchema } from "@keelson/cri-api/v1";
import { createCore, createSystemClock, encodedItemsOf, registerCri, silentLog } from "@keelson/runtime-core";
import { createMemoryLogs, createMemoryStore, createSimulatedEngine } from "@keelson/runtime-core/sim";
import { expect, it, onTestFinished } from "vitest";
import { framedAnswer } from "./framed-answer.ts";

const prefixed = (message: Uint8Array): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

it("an answer is framed as protobuf-es writes it, from a message and from what makes one", () => {
  const fields = { version: "0.1.0", runtimeName: "keelson" };
  const wanted = prefixed(toBinary(VersionResponseSchema, create(VersionResponseSchema, fields)));
  expect(framedAnswer(VersionResponseSchema, fields)).toEqual(wanted);
  expect(framedAnswer(VersionResponseSchema, create(VersionResponseSchema, fields))).toEqual(wanted);
  expect(framedAnswer(VersionResponseSchema, {})).toEqual(Buffer.alloc(5));
});

it("a list of encoded items is framed byte for byte as protobuf-es writes it", async () => {
  const clock = createSystemClock();
  const engine = createSimulatedEngine({ clock, logs: createMemoryLogs() });
  const core = createCore({ engine, store: createMemoryStore(), clock, log: silentLog, runtimeVersion: "0" });
  await core.start();
  onTestFinished(() => core.close());
  const methods = registerCri(createConnectRouter(), core, { versions: ["v1"] });
  const call = async (name: string, request: Record<string, unknown>): Promise<Record<string, unknown>> => {
    const found = methods.find(({ path }) => path.endsWith(`/${name}`));
    if (found === undefined) throw new Error(`no ${name}`);
    const context = { signal: new AbortController().signal, timeoutMs: () => undefined, requestHeader: new Headers() };
    return (await found.handle(create(found.method.input, request), context)) as Record<string, unknown>;
  };
  await call("PullImage", { image: { image: "busybox" } });
  const sandbox = { metadata: { name: "pod", namespace: "default", uid: "uid" } };
  const { podSandboxId } = await call("RunPodSandbox", { config: sandbox });
  for (const count of [0, 1, 2, 3]) {
    const list = await call("ListContainers", {});
    expect(encodedItemsOf(list)).toHaveLength(count);
    const bytes = framedAnswer(ListContainersResponseSchema, list);
    expect(bytes).toEqual(prefixed(toBinary(ListContainersResponseSchema, create(ListContainersResponseSchema, list))));
    const config = { metadata: { name: `c${count}` }, image: { image: "busybox" }, labels: { a: "ü".repeat(200) } };
    await call("CreateContainer", { podSandboxId, config, sandboxConfig: sandbox });
  }
});
