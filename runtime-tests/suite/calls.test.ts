import { parseEndpoint } from "@keelson/cri-api/endpoint";
import { criVersions } from "@keelson/cri-api/versions";
import { type CriConnection, connectCri } from "@keelson/cri-client";
import { openConnection, probeMethods, probeVersions } from "@keelson/cri-client/probe";
import { describe, expect, test } from "vitest";
import { usePeers } from "./peer.ts";
import { until } from "./until.ts";

describe("calls", () => {
  const peers = usePeers();
  const connect = async (args: readonly string[] = []): Promise<CriConnection> => {
    await peers.runtime({ args });
    return await connectCri({ runtimeEndpoint: peers.socket });
  };

  test.each(["v1", "v1alpha2"])("take and give v1 messages on %s", async (versions) => {
    const cri = await connect(["--versions", versions]);
    const { items } = await cri.runtime.listPodSandbox({});
    expect(items.map(({ id, createdAt, labels }) => [id, createdAt, labels.app])).toEqual(
      ["0", "1", "2"].map((index) => [`sandbox-${index}`, 1_700_000_000_000_000_001n, "wéb 🚢"]),
    );
    cri.close();
  });

  test("give bytes and negative numbers as they were sent", async () => {
    const cri = await connect();
    const { stdout, exitCode } = await cri.runtime.execSync({ containerId: "x", cmd: ["70000"] });
    expect([stdout.length, stdout.every((byte) => byte === 0xff), exitCode]).toEqual([70_000, true, -1]);
    cri.close();
  });

  test("hundreds at a time are answered over one connection", async () => {
    const cri = await connect();
    const names = Array.from({ length: 300 }, (_, index) => `container-${index}`);
    const answers = await Promise.all(
      names.map((name) => cri.runtime.createContainer({ podSandboxId: "x", config: { metadata: { name } } })),
    );
    expect(answers.map(({ containerId }) => containerId)).toEqual(names);
    expect((await cri.runtime.version({})).runtimeVersion).toBe("1");
    cri.close();
  });

  test("fail with the category that the runtime sent", async () => {
    const cri = await connect();
    await expect(cri.runtime.containerStatus({ containerId: "none" })).rejects.toMatchObject({
      name: "CriError",
      code: "NOT_FOUND",
      message: expect.stringContaining('"none"'),
    });
    cri.close();
  });

  test("fail with the kubelet's prefix taken from the message", async () => {
    const cri = await connect();
    await expect(cri.images.pullImage({ image: { image: "unreachable" } })).rejects.toMatchObject({
      prefix: "RegistryUnavailable",
      message: expect.stringContaining("nobody answers"),
    });
    cri.close();
  });

  test("what the version lacks is refused without a round trip", async () => {
    const cri = await connect(["--versions", "v1alpha2"]);
    await expect(cri.runtime.runtimeConfig({})).rejects.toMatchObject({
      code: "UNIMPLEMENTED",
      reason: "NOT_IN_VERSION",
      message: expect.stringContaining("v1alpha2"),
    });
    cri.close();
  });

  test("what the runtime lacks is Unimplemented", async () => {
    const cri = await connect();
    await expect(cri.runtime.checkpointContainer({})).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
    cri.close();
  });

  test("what would run weaker than asked is refused by name, and dropped only where the caller chose so", async () => {
    await peers.runtime({ args: ["--versions", "v1alpha2"] });
    const dropped: unknown[] = [];
    const cri = await connectCri({
      runtimeEndpoint: peers.socket,
      onEvent: (event) => event.type === "field-dropped" && dropped.push([event.field, event.security]),
    });
    const mounts = [{ containerPath: "/data", hostPath: "/data", readonly: true, recursiveReadOnly: true }];
    const request = { podSandboxId: "x", config: { metadata: { name: "main" }, mounts } };
    await expect(cri.runtime.createContainer(request)).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "WEAKER_THAN_ASKED",
      message: expect.stringContaining("config.mounts[0].recursive_read_only"),
    });
    expect(dropped).toEqual([]);
    const made = await cri.runtime.createContainer(request, { onUnsupportedField: "drop" });
    expect([made.containerId, dropped]).toEqual(["main", [["config.mounts[0].recursive_read_only", true]]]);
    cri.close();
  });

  test("what a runtime serves is found out by probing", async () => {
    await peers.runtime({ args: ["--versions", "v1alpha2", "--streams"] });
    const connection = openConnection(parseEndpoint(peers.socket));
    const asked = { transport: connection.transport, timeoutMs: 5000 };
    const versions = await probeVersions({
      ...{ ...asked, endpoint: connection.endpoint },
      ...{ versions: criVersions, service: "runtime" },
    });
    expect([...versions].map(([version, { answer }]) => [version, answer])).toEqual([
      ["v1", "unimplemented"],
      ["v1alpha2", "served"],
    ]);
    const methods = await probeMethods({ ...asked, version: "v1alpha2" });
    expect(methods.get("RuntimeService/ListPodSandbox")).toBe("served");
    expect(methods.get("RuntimeService/ContainerStats")).toBe("unimplemented");
    connection.close();
  });

  test("end at their deadline, and the runtime is told", async () => {
    const cri = await connect();
    await expect(cri.runtime.reopenContainerLog({}, { timeoutMs: 100 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
    await until(async () => (await cri.runtime.listMetricDescriptors({})).descriptors[0]?.name === "0");
    cri.close();
  });

  test("end when the caller aborts, and the runtime is told", async () => {
    const cri = await connect();
    const caller = new AbortController();
    const ended = expect(cri.runtime.reopenContainerLog({}, { signal: caller.signal })).rejects.toMatchObject({
      code: "CANCELED",
    });
    await until(async () => (await cri.runtime.listMetricDescriptors({})).descriptors[0]?.name === "1");
    caller.abort();
    await ended;
    await until(async () => (await cri.runtime.listMetricDescriptors({})).descriptors[0]?.name === "0");
    cri.close();
  });

  test("an answer over the limit is refused by name, and the connection goes on", async () => {
    const cri = await connect();
    await expect(cri.runtime.execSync({ cmd: [`${17 * 1024 * 1024}`] })).rejects.toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "MESSAGE_TOO_LARGE",
    });
    expect((await cri.runtime.version({})).runtimeVersion).toBe("1");
    cri.close();
  });

  test("an answer of nearly 16 MiB arrives", async () => {
    const cri = await connect();
    const bytes = 16 * 1024 * 1024 - 1024;
    expect((await cri.runtime.execSync({ cmd: [`${bytes}`] })).stdout.length).toBe(bytes);
    cri.close();
  });

  test("a request over the limit is refused by name, and the connection goes on", async () => {
    const cri = await connect();
    const image = "x".repeat(17 * 1024 * 1024);
    await expect(cri.images.pullImage({ image: { image } })).rejects.toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "MESSAGE_TOO_LARGE",
    });
    expect((await cri.runtime.version({})).runtimeVersion).toBe("1");
    cri.close();
  });

  test("are canceled after close()", async () => {
    const cri = await connect();
    const open = expect(cri.runtime.reopenContainerLog({})).rejects.toMatchObject({ code: "CANCELED" });
    await until(async () => (await cri.runtime.listMetricDescriptors({})).descriptors[0]?.name === "1");
    cri.close();
    cri.close();
    await open;
    await expect(cri.runtime.version({})).rejects.toMatchObject({ code: "CANCELED" });
  });

  test("no password that was sent is in an error", async () => {
    const cri = await connect();
    const auth = { username: "someone", password: "correct-horse-battery" };
    const failure = await cri.images.pullImage({ image: { image: "private" }, auth }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "PERMISSION_DENIED" });
    for (let error = failure; error instanceof Error; error = error.cause) {
      expect(`${error.message}\n${error.stack}`).not.toContain(auth.password);
    }
    cri.close();
  });
});
