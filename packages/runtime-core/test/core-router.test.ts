import { ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { CgroupDriver } from "@keelson/cri-api/v1";
import { criServices, criVersions } from "@keelson/cri-api/versions";
import { describe, expect, it } from "vitest";
import { registerCri } from "../src/router.ts";
import { busybox, failure, openCore, podConfig } from "./core-harness.ts";

describe("the router", () => {
  it.each(criVersions)("routes every method of %s: none is missing in the core", async (version) => {
    const { core } = await openCore();
    const { runtime, image } = criServices[version];
    const transport = createRouterTransport((router) => registerCri(router, core));
    for (const service of [runtime, image]) {
      const client = createClient(service, transport) as unknown as Record<string, (request: object) => unknown>;
      for (const method of service.methods) {
        const call = client[method.localName]?.({});
        const answer =
          method.methodKind === "unary" ? (call as Promise<unknown>) : first(call as AsyncIterable<unknown>);
        const message = await answer.then(
          () => "",
          (error: unknown) => ConnectError.from(error).rawMessage,
        );
        // what Connect says of a method without a handler
        expect(message).not.toContain("is not implemented");
      }
    }
  });

  it("serves only the versions that it is told to", async () => {
    const { core } = await openCore();
    const transport = createRouterTransport((router) => registerCri(router, core, { versions: ["v1alpha2"] }));
    const old = createClient(criServices.v1alpha2.runtime, transport);
    expect((await old.version({})).runtimeApiVersion).toBe("v1alpha2");
    await expect(createClient(criServices.v1.runtime, transport).version({})).rejects.toThrow();
  });

  it("counts calls whose callers have gone, so that a flood of them is refused", async () => {
    const { images, runtime, faults } = await openCore();
    const hold = faults.hold("image.pull");
    const pulls = Array.from({ length: 1024 }, (_, index) =>
      images.pullImage({ image: { image: busybox, annotations: { index: String(index) } } }).catch(() => {}),
    );
    await hold.arrived(1024);
    await failure(runtime.version({}), "RESOURCE_EXHAUSTED");
    hold.release();
    await Promise.all(pulls);
    expect((await runtime.version({})).runtimeName).toBe("keelson");
  });
});

describe("Status and configuration", () => {
  it("tell conditions, handlers, features, the cgroup driver, and more when verbose", async () => {
    const { runtime, engine } = await openCore();
    const { status, runtimeHandlers, features, info } = await runtime.status({});
    expect(status?.conditions.map(({ type, status }) => [type, status])).toEqual([
      ["RuntimeReady", true],
      ["NetworkReady", true],
    ]);
    expect(runtimeHandlers.map(({ name }) => name)).toContain("");
    expect(features).toEqual(engine.node.features());
    expect(info).toEqual({});
    expect(JSON.parse((await runtime.status({ verbose: true })).info.info ?? "")).toBeTypeOf("object");
    expect((await runtime.runtimeConfig({})).linux?.cgroupDriver).toBe(engine.node.cgroupDriver());
    expect([CgroupDriver.CGROUPFS, CgroupDriver.SYSTEMD]).toContain(engine.node.cgroupDriver());
    await runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: "10.1.0.0/24" } } });
    await runtime.updateRuntimeConfig({});
    await failure(
      runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: "10.1\0" } } }),
      "INVALID_ARGUMENT",
    );
  });
});

describe("a deadline", () => {
  it("is answered before the caller's clock fires, with the stage, and the retry joins", async () => {
    const { runtime, faults } = await openCore();
    const hold = faults.hold("attach-network.apply");
    const call = runtime.runPodSandbox({ config: podConfig() }, { timeoutMs: 600 });
    const message = await failure(call, "DEADLINE_EXCEEDED");
    expect(message).toMatch(/^RunPodSandbox: deadline reached while waiting for step "attach-network"/);
    const retry = runtime.runPodSandbox({ config: podConfig() });
    hold.release();
    expect((await retry).podSandboxId).toMatch(/^[0-9a-f]{64}$/);
  });
});

/** A stream that stays open has been answered. */
async function first(stream: AsyncIterable<unknown>): Promise<void> {
  const reading = (async () => {
    for await (const _ of stream) return;
  })();
  await Promise.race([reading, new Promise<void>((resolve) => setTimeout(resolve, 20))]);
}
