import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { runPod, sandboxConfig, statusOf } from "./pod.ts";
import type { Stage } from "./suite.ts";

const unknownId = "0".repeat(64);

export function sandboxCases(stage: Stage): void {
  describe("sandboxes", () => {
    test("are ready, then not, then gone; stop and remove may be repeated", async () => {
      const { runtime } = stage.cri();
      const pod = await runPod(stage);
      const podSandboxId = pod.id;
      expect(podSandboxId).toMatch(/^[0-9a-f]{64}$/);
      const { status } = await runtime.podSandboxStatus({ podSandboxId });
      expect(status).toMatchObject({ id: podSandboxId, state: PodSandboxState.SANDBOX_READY });
      expect(status).toMatchObject({ labels: pod.config.labels, annotations: pod.config.annotations });
      expect(status?.metadata).toMatchObject(pod.config.metadata);
      expect(status?.createdAt).toBeGreaterThan(0n);
      expect(status?.network?.ip).toMatch(/^[0-9.]+$/);
      await runtime.stopPodSandbox({ podSandboxId });
      await runtime.stopPodSandbox({ podSandboxId });
      const stopped = await runtime.podSandboxStatus({ podSandboxId });
      expect(stopped.status?.state).toBe(PodSandboxState.SANDBOX_NOTREADY);
      const late = runtime.createContainer({ podSandboxId, config: pod.container("late"), sandboxConfig: pod.config });
      await expect(late).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
      await runtime.removePodSandbox({ podSandboxId });
      await runtime.removePodSandbox({ podSandboxId });
      await expect(runtime.podSandboxStatus({ podSandboxId })).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    test("tell their settings when they are asked for all", async () => {
      const pod = await runPod(stage);
      const { info } = await stage.cri().runtime.podSandboxStatus({ podSandboxId: pod.id, verbose: true });
      expect(JSON.parse(info.info ?? "")).toMatchObject({ config: { metadata: { uid: pod.config.metadata.uid } } });
      const quiet = await stage.cri().runtime.podSandboxStatus({ podSandboxId: pod.id });
      expect(quiet.info).toEqual({});
      await pod.remove();
    });

    test("are listed by ID, state and labels", async () => {
      const { runtime } = stage.cri();
      const [one, two] = await Promise.all([runPod(stage), runPod(stage)]);
      await runtime.stopPodSandbox({ podSandboxId: two.id });
      const ids = async (filter: Parameters<typeof runtime.listPodSandbox>[0]["filter"]): Promise<readonly string[]> =>
        (await runtime.listPodSandbox(filter === undefined ? {} : { filter })).items.map((item) => item.id).sort();
      expect(await ids(undefined)).toEqual([one.id, two.id].sort());
      expect(await ids({ id: one.id })).toEqual([one.id]);
      expect(await ids({ state: { state: PodSandboxState.SANDBOX_NOTREADY } })).toEqual([two.id]);
      expect(await ids({ labelSelector: two.config.labels })).toEqual([two.id]);
      expect(await ids({ labelSelector: two.config.labels, id: one.id })).toEqual([]);
      await Promise.all([one.remove(), two.remove()]);
      expect(await ids(undefined)).toEqual([]);
    });

    test("have a name that nobody else can take", async () => {
      const { runtime } = stage.cri();
      const pod = await runPod(stage);
      const again = runtime.runPodSandbox({ config: pod.config });
      await expect(again).rejects.toMatchObject({ code: "ALREADY_EXISTS", message: expect.stringContaining(pod.id) });
      const metadata = { ...pod.config.metadata, attempt: 1 };
      const { podSandboxId } = await runtime.runPodSandbox({ config: { ...pod.config, metadata } });
      expect(podSandboxId).not.toBe(pod.id);
      await runtime.stopPodSandbox({ podSandboxId });
      await runtime.removePodSandbox({ podSandboxId });
      await pod.remove();
      // the name is free again
      const third = await runtime.runPodSandbox({ config: pod.config });
      await runtime.stopPodSandbox({ podSandboxId: third.podSandboxId });
      await runtime.removePodSandbox({ podSandboxId: third.podSandboxId });
    });

    test("take their containers with them", async () => {
      const { runtime } = stage.cri();
      const pod = await runPod(stage);
      const [running, created] = [await pod.run("one"), await pod.create("two")];
      await runtime.stopPodSandbox({ podSandboxId: pod.id });
      expect((await statusOf(stage.cri(), running)).state).toBe(ContainerState.CONTAINER_EXITED);
      await runtime.removePodSandbox({ podSandboxId: pod.id });
      for (const containerId of [running, created]) {
        await expect(runtime.containerStatus({ containerId })).rejects.toMatchObject({ code: "NOT_FOUND" });
      }
    });

    test("without metadata, or with a handler that is not there, are refused by name", async () => {
      const { runtime } = stage.cri();
      const config = sandboxConfig(stage);
      const without = (part: "name" | "uid" | "namespace") => ({
        ...config,
        metadata: { ...config.metadata, [part]: "" },
      });
      await expect(runtime.runPodSandbox({})).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      for (const part of ["name", "uid", "namespace"] as const) {
        const refused = { code: "INVALID_ARGUMENT", message: expect.stringContaining(`metadata.${part}`) };
        await expect(runtime.runPodSandbox({ config: without(part) })).rejects.toMatchObject(refused);
      }
      const runtimeHandler = stage.draw.name();
      const unknown = { code: "NOT_FOUND", message: expect.stringContaining(runtimeHandler) };
      await expect(runtime.runPodSandbox({ config, runtimeHandler })).rejects.toMatchObject(unknown);
      expect((await runtime.listPodSandbox({})).items).toEqual([]);
    });

    test("that nobody knows are not found, and their stop and removal succeed", async () => {
      const { runtime } = stage.cri();
      const podSandboxId = unknownId;
      await runtime.stopPodSandbox({ podSandboxId });
      await runtime.removePodSandbox({ podSandboxId });
      await expect(runtime.podSandboxStatus({ podSandboxId })).rejects.toMatchObject({ code: "NOT_FOUND" });
      const config = { metadata: { name: "a" }, image: { image: stage.image() } };
      const create = runtime.createContainer({ podSandboxId, config, sandboxConfig: sandboxConfig(stage) });
      await expect(create).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    test("of one name that are asked for many times at once are one", async () => {
      const { runtime } = stage.cri();
      const config = sandboxConfig(stage);
      const answers = await Promise.allSettled(Array.from({ length: 10 }, () => runtime.runPodSandbox({ config })));
      const ids = new Set(answers.flatMap((one) => (one.status === "fulfilled" ? [one.value.podSandboxId] : [])));
      expect(ids.size).toBe(1);
      const { items } = await runtime.listPodSandbox({});
      expect(items.map((item) => item.id)).toEqual([...ids]);
      const [podSandboxId = ""] = ids;
      await runtime.stopPodSandbox({ podSandboxId });
      await runtime.removePodSandbox({ podSandboxId });
    });
  });
}
