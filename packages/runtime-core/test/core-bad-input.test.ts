import { describe, expect, it } from "vitest";
import { busybox, containerConfig, failure, openCore, podConfig } from "./core-harness.ts";

const mebi = 1024 * 1024;

describe("RunPodSandbox refuses", () => {
  it.each([
    ["config", undefined],
    ["config.metadata", podConfig("pod", { metadata: undefined })],
    ["config.metadata.uid", podConfig("pod", { metadata: { name: "a", namespace: "b" } })],
    ["config.metadata.namespace", podConfig("pod", { metadata: { name: "a", uid: "b" } })],
    ["config.metadata.name", podConfig("pod", { metadata: { uid: "a", namespace: "b" } })],
    ["config.metadata.name", podConfig("pod", { metadata: { uid: "a", namespace: "b", name: "x".repeat(10 * mebi) } })],
    ["config.metadata.name", podConfig("pod", { metadata: { uid: "a", namespace: "b", name: "x\0" } })],
    ["config.hostname", podConfig("pod", { hostname: "x".repeat(10 * mebi) })],
    ["config.log_directory", podConfig("pod", { logDirectory: "var/log" })],
    ["config.log_directory", podConfig("pod", { logDirectory: "/var/log/../../etc" })],
    ["config.port_mappings[0].host_port", podConfig("pod", { portMappings: [{ hostPort: 70_000 }] })],
    ["config.port_mappings[1].container_port", podConfig("pod", { portMappings: [{}, { containerPort: -1 }] })],
    ["config.dns_config.searches[0]", podConfig("pod", { dnsConfig: { searches: ["a\nnameserver 6.6.6.6"] } })],
  ])("a bad %s", async (field, config) => {
    const { runtime, world, store } = await openCore();
    const message = await failure(runtime.runPodSandbox(config === undefined ? {} : { config }), "INVALID_ARGUMENT");
    expect(message).toContain(field);
    expect(world.leftovers()).toEqual([]);
    expect((await store.load()).size).toBe(0);
  });

  it("a handler that is not configured", async () => {
    const { runtime } = await openCore();
    const message = await failure(runtime.runPodSandbox({ config: podConfig(), runtimeHandler: "kata" }), "NOT_FOUND");
    expect(message).toContain("kata");
  });
});

describe("CreateContainer refuses", () => {
  it.each([
    ["config.metadata", containerConfig("main", { metadata: undefined })],
    ["config.metadata.name", containerConfig("main", { metadata: { name: "" } })],
    ["config.image.image", containerConfig("main", { image: undefined })],
    ["config.image.image", containerConfig("main", { image: { image: "" } })],
    // T8.06
    ["config.log_path", containerConfig("main", { logPath: "../../etc/cron.d/x" })],
    ["config.log_path", containerConfig("main", { logPath: "/etc/cron.d/x" })],
    ["config.log_path", containerConfig("main", { logPath: "a/./b" })],
    ["config.log_path", containerConfig("main", { logPath: "a//b" })],
    ["config.log_path", containerConfig("main", { logPath: "a/.." })],
    ["config.log_path", containerConfig("main", { logPath: "a\0b" })],
    // T3.11
    ["config.envs[0].key", containerConfig("main", { envs: [{ key: "" }] })],
    ["config.envs[0].key", containerConfig("main", { envs: [{ key: "A=B" }] })],
    ["config.envs[0].value", containerConfig("main", { envs: [{ key: "A", value: Uint8Array.of(0) }] })],
    ["config.args[0]", containerConfig("main", { args: ["x".repeat(10 * mebi)] })],
    // T3.07
    [
      "config.mounts[0].host_path",
      containerConfig("main", { mounts: [{ containerPath: "/a", hostPath: `/${"x".repeat(70_000)}` }] }),
    ],
    ["config.mounts[0].container_path", containerConfig("main", { mounts: [{ hostPath: "/a" }] })],
    ["config.devices[0].host_path", containerConfig("main", { devices: [{ containerPath: "/dev/a" }] })],
  ])("a bad %s", async (field, config) => {
    const { runtime, store } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const before = [...(await store.load()).keys()];
    const message = await failure(runtime.createContainer({ podSandboxId, config }), "INVALID_ARGUMENT");
    expect(message).toContain(field);
    expect([...(await store.load()).keys()]).toEqual(before);
  });

  it("an unknown sandbox, no configuration, an image that is not here", async () => {
    const { runtime, world } = await openCore();
    await failure(runtime.createContainer({ podSandboxId: "f".repeat(64), config: containerConfig() }), "NOT_FOUND");
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    expect(await failure(runtime.createContainer({ podSandboxId }), "INVALID_ARGUMENT")).toContain("config");
    const config = containerConfig("main", { image: { image: "docker.io/library/nothing:latest" } });
    expect(await failure(runtime.createContainer({ podSandboxId, config }), "NOT_FOUND")).toContain("pull it");
    expect(world.leftovers().filter((held) => !held.endsWith(podSandboxId))).toEqual([]);
  });
});

describe("images", () => {
  it.each([{}, { image: {} }, { image: { image: "x".repeat(10 * mebi) } }, { image: { image: "a\0" } }])(
    "have to be named (%#)",
    async (request) => {
      const { images } = await openCore();
      await failure(images.pullImage(request), "INVALID_ARGUMENT");
      await failure(images.imageStatus(request), "INVALID_ARGUMENT");
      await failure(images.removeImage(request), "INVALID_ARGUMENT");
    },
  );

  it("that are not in the registry are NOT_FOUND, those that are not here an empty answer", async () => {
    const { images } = await openCore();
    const image = { image: "docker.io/library/nothing:latest" };
    await failure(images.pullImage({ image }), "NOT_FOUND");
    expect((await images.imageStatus({ image })).image).toBeUndefined();
    await images.removeImage({ image });
  });

  it("are listed, shown and removed by their names", async () => {
    const { images } = await openCore();
    const [item] = (await images.listImages({})).images;
    expect(item).toMatchObject({ repoTags: [busybox] });
    expect(item?.size).toBeGreaterThan(0n);
    expect((await images.listImages({ filter: { image: { image: "nothing" } } })).images).toEqual([]);
    const status = await images.imageStatus({ image: { image: busybox }, verbose: true });
    expect(status.image?.id).toBe(item?.id);
    expect(JSON.parse(status.info.info ?? "")).toMatchObject({ simulated: true });
    expect((await images.imageFsInfo({})).imageFilesystems).toHaveLength(1);
    await images.removeImage({ image: { image: busybox } });
    expect((await images.listImages({})).images).toEqual([]);
  });

  // T1.10
  it("are pulled without a trace of the password, whatever the registry answers", async () => {
    const { images, faults, lines } = await openCore();
    const password = "hunter2-secret";
    faults.fail("image.pull", new Error(`401: bad password ${password}`, { cause: new Error(password) }));
    const pull = images.pullImage({ image: { image: busybox }, auth: { username: "u", password } });
    const message = await failure(pull, "INTERNAL");
    expect(message).toContain("[redacted]");
    const logged = lines.map(({ message, fields }) => [message, ...Object.values(fields).map(describeValue)].join(" "));
    for (const text of [message, ...logged]) expect(text).not.toContain(password);
  });
});

describe("an error that nobody expected", () => {
  it("is INTERNAL to the caller, and logged with its cause", async () => {
    const { runtime, faults, lines } = await openCore();
    const cause = new TypeError("x is undefined");
    faults.fail("write-files.apply", cause);
    expect(await failure(runtime.runPodSandbox({ config: podConfig() }), "INTERNAL")).toContain("x is undefined");
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: "error",
        fields: expect.objectContaining({ rpc: "RunPodSandbox", error: cause }),
      }),
    );
  });
});

function describeValue(value: unknown): string {
  if (!(value instanceof Error)) return String(value);
  return `${value.message} ${value.stack} ${describeValue(value.cause)}`;
}
