import { connectCri } from "@keelson/cri-client";
import { describe, expect, test } from "vitest";
import { readLog, runPod, untilExited } from "./pod.ts";
import type { Stage } from "./suite.ts";

export function negotiationCases(stage: Stage): void {
  describe("versions", () => {
    test("v1 is agreed on with a runtime that serves both", async () => {
      expect(stage.cri().version).toBe("v1");
      const version = await stage.cri().runtime.version({});
      expect(version).toMatchObject({ runtimeName: "keelson", runtimeApiVersion: "v1" });
      expect(version.runtimeVersion).not.toBe("");
    });

    test("v1alpha2 is served beside v1 to a client that asks for it", async () => {
      await using cri = await connectCri({ runtimeEndpoint: stage.runtime().endpoint, versions: ["v1alpha2"] });
      expect(await cri.runtime.version({})).toMatchObject({ runtimeApiVersion: "v1alpha2" });
    });

    test("a runtime of v1alpha2 alone is agreed with, and runs a pod", async () => {
      const { draw } = stage;
      const runtime = await stage.open({ versions: ["v1alpha2"], images: [`${draw.name()}:${draw.name()}`] });
      try {
        const v1 = connectCri({ runtimeEndpoint: runtime.endpoint, versions: ["v1"] });
        await expect(v1).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
        await using cri = await connectCri({ runtimeEndpoint: runtime.endpoint });
        expect(cri.version).toBe("v1alpha2");
        const [image = ""] = runtime.references;
        await cri.images.pullImage({ image: { image } });
        const inside: Stage = { ...stage, runtime: () => runtime, image: () => image };
        const pod = await runPod(inside, cri);
        const [code, text] = [draw.exitCode(), draw.text()];
        const containerId = await pod.run("main", { log: [{ text }], exit: { code, afterMs: 20 } });
        const status = await untilExited(cri, containerId);
        expect(status.exitCode).toBe(code);
        expect((await readLog(status.logPath)).map((entry) => entry.text)).toEqual([text]);
        await pod.remove();
        expect((await cri.runtime.listPodSandbox({})).items).toEqual([]);
      } finally {
        await runtime.close();
      }
    }, 60_000);

    test("what is not served yet is unimplemented", async () => {
      const checkpoint = stage.cri().runtime.checkpointContainer({ containerId: "f".repeat(64), location: "/x" });
      await expect(checkpoint).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
    });
  });

  test("the runtime says that it is ready, and by which driver it makes cgroups", async () => {
    const { status, runtimeHandlers } = await stage.cri().runtime.status({});
    const conditions = status?.conditions.map(({ type, status: is }) => [type, is]);
    expect(conditions).toEqual(
      expect.arrayContaining([
        ["RuntimeReady", true],
        ["NetworkReady", true],
      ]),
    );
    expect(runtimeHandlers.map((one) => one.name)).toContain("");
    expect((await stage.cri().runtime.runtimeConfig({})).linux).toBeDefined();
    await stage.cri().runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: "10.1.2.0/24" } } });
  });
}
