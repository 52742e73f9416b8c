import { join } from "node:path";
import { ContainerState } from "@keelson/cri-api/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Pod, readLog, runPod, statusOf, untilExited, untilLogged } from "./pod.ts";
import { renderExec } from "./render-script.ts";
import type { Stage } from "./suite.ts";

const unknownId = "0".repeat(64);

export function containerCases(stage: Stage): void {
  describe("containers", () => {
    const { draw } = stage;
    let pod: Pod;
    beforeAll(async () => {
      pod = await runPod(stage);
    });
    afterAll(async () => {
      await pod.remove();
    });
    const logOf = (name: string): string => join(pod.config.logDirectory, name, "0.log");

    test("go from created to running to exited, and write their log", async () => {
      const { runtime } = stage.cri();
      const [name, code] = [draw.name(), draw.exitCode()];
      const [first, second, third] = [draw.text(), draw.text(), draw.text()];
      const containerId = await pod.create(name, {
        log: [{ text: first }, { text: second, stream: "stderr", atMs: 60 }, { text: third, atMs: 120 }],
        exit: { code, afterMs: 150 },
      });
      expect(containerId).toMatch(/^[0-9a-f]{64}$/);
      const created = await statusOf(stage.cri(), containerId);
      expect(created).toMatchObject({ state: ContainerState.CONTAINER_CREATED, startedAt: 0n, finishedAt: 0n });
      expect(created).toMatchObject({ logPath: logOf(name), labels: { "end-to-end": name }, reason: "" });
      expect(created.metadata?.name).toBe(name);
      expect(created.image?.image).toBe(stage.image());
      expect(created.imageRef).not.toBe("");
      await runtime.startContainer({ containerId });
      const ended = await untilExited(stage.cri(), containerId);
      expect(ended).toMatchObject({ exitCode: code, reason: "Error" });
      expect(ended.startedAt).toBeGreaterThanOrEqual(created.createdAt);
      expect(ended.finishedAt).toBeGreaterThan(ended.startedAt);
      const log = await readLog(logOf(name));
      // a runtime reads two pipes: each is in order
      const texts = (stream: string) =>
        log.filter((one) => one.stream === stream && !one.partial).map((one) => one.text);
      expect([texts("stdout"), texts("stderr")]).toEqual([[first, third], [second]]);
      const times = log.map((entry) => entry.time);
      expect(times).toEqual(times.toSorted());
      const again = runtime.startContainer({ containerId });
      await expect(again).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
      await runtime.removeContainer({ containerId });
    });

    test("that end with 0 are completed", async () => {
      const containerId = await pod.run(draw.name(), { exit: { code: 0, afterMs: 10 } });
      expect(await untilExited(stage.cri(), containerId)).toMatchObject({ exitCode: 0, reason: "Completed" });
      await stage.cri().runtime.removeContainer({ containerId });
    });

    test("end by a stop signal as they like, within the time they are given", async () => {
      const { runtime } = stage.cri();
      const [name, code, text] = [draw.name(), draw.exitCode(), draw.text()];
      const containerId = await pod.run(name, {
        log: [{ text: "ready" }],
        stop: { code, afterMs: 50, log: [{ text }] },
      });
      await untilLogged(logOf(name), "ready");
      const running = await statusOf(stage.cri(), containerId);
      expect(running).toMatchObject({ state: ContainerState.CONTAINER_RUNNING, finishedAt: 0n, exitCode: 0 });
      await runtime.stopContainer({ containerId, timeout: 20n });
      expect(await statusOf(stage.cri(), containerId)).toMatchObject({
        startedAt: running.startedAt,
        state: ContainerState.CONTAINER_EXITED,
        exitCode: code,
      });
      expect((await readLog(logOf(name))).map((entry) => entry.text)).toEqual(["ready", text]);
      await runtime.stopContainer({ containerId, timeout: 20n });
      await runtime.removeContainer({ containerId });
    });

    test("that do nothing about a stop signal end by it: 143", async () => {
      const { runtime } = stage.cri();
      const name = draw.name();
      const containerId = await pod.run(name, { log: [{ text: "ready" }] });
      await untilLogged(logOf(name), "ready");
      await runtime.stopContainer({ containerId, timeout: 20n });
      expect((await statusOf(stage.cri(), containerId)).exitCode).toBe(143);
      await runtime.removeContainer({ containerId });
    });

    test("that ignore the stop signal are killed after their time: 137", async () => {
      const { runtime } = stage.cri();
      const name = draw.name();
      const containerId = await pod.run(name, { log: [{ text: "ready" }], stop: "ignore" });
      await untilLogged(logOf(name), "ready");
      const began = performance.now();
      await runtime.stopContainer({ containerId, timeout: 1n });
      expect(performance.now() - began).toBeGreaterThan(900);
      expect(await statusOf(stage.cri(), containerId)).toMatchObject({
        state: ContainerState.CONTAINER_EXITED,
        exitCode: 137,
        reason: "Error",
      });
      await runtime.removeContainer({ containerId });
    });

    test("are killed at once with no time at all: 137", async () => {
      const { runtime } = stage.cri();
      const containerId = await pod.run(draw.name(), { stop: "ignore" });
      await runtime.stopContainer({ containerId, timeout: 0n });
      expect((await statusOf(stage.cri(), containerId)).exitCode).toBe(137);
      await runtime.removeContainer({ containerId });
    });

    test("are removed also while they run", async () => {
      const { runtime } = stage.cri();
      const containerId = await pod.run(draw.name());
      await runtime.removeContainer({ containerId });
      await expect(runtime.containerStatus({ containerId })).rejects.toMatchObject({ code: "NOT_FOUND" });
      await runtime.removeContainer({ containerId });
    });

    test("whose command is not in the image do not start, and are exited: 128", async () => {
      const { runtime } = stage.cri();
      const containerId = await pod.create(draw.name(), { startError: "there is no such command in the image" });
      const start = runtime.startContainer({ containerId });
      await expect(start).rejects.toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("no such") });
      const status = await statusOf(stage.cri(), containerId);
      expect(status).toMatchObject({
        state: ContainerState.CONTAINER_EXITED,
        exitCode: 128,
        reason: "StartError",
        message: expect.stringContaining("no such"),
      });
      await runtime.removeContainer({ containerId });
    });

    test("run commands and answer with their output and code", async () => {
      const { runtime } = stage.cri();
      const answer = { stdout: draw.text(), stderr: `${draw.text()}\n`, code: draw.exitCode() };
      const [cmd, slow, missing] = [
        [...renderExec(answer)],
        [...renderExec({ afterMs: 60_000 })],
        [...renderExec({ notFound: true })],
      ];
      const containerId = await pod.create(draw.name(), {
        exec: [
          { command: cmd, ...answer },
          { command: slow, afterMs: 60_000 },
          { command: missing, notFound: true },
        ],
      });
      const early = runtime.execSync({ containerId, cmd, timeout: 5n });
      await expect(early).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
      await runtime.startContainer({ containerId });
      const { stdout, stderr, exitCode } = await runtime.execSync({ containerId, cmd, timeout: 10n });
      const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
      expect({ stdout: text(stdout), stderr: text(stderr), code: exitCode }).toEqual(answer);
      const late = runtime.execSync({ containerId, cmd: slow, timeout: 1n });
      await expect(late).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
      const none = runtime.execSync({ containerId, cmd: missing, timeout: 5n });
      await expect(none).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(runtime.execSync({ containerId, cmd: [] })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      await runtime.removeContainer({ containerId });
    });

    test("are listed by ID, state, sandbox and labels", async () => {
      const { runtime } = stage.cri();
      const [first, second] = [draw.name(), draw.name()];
      const [running, created] = [await pod.run(first), await pod.create(second)];
      const other = await runPod(stage);
      const elsewhere = await other.create(first);
      const ids = async (
        filter: NonNullable<Parameters<typeof runtime.listContainers>[0]["filter"]>,
      ): Promise<readonly string[]> =>
        (await runtime.listContainers({ filter })).containers.map((one) => one.id).sort();
      const podSandboxId = pod.id;
      expect(await ids({ podSandboxId })).toEqual([running, created].sort());
      expect(await ids({ podSandboxId, state: { state: ContainerState.CONTAINER_RUNNING } })).toEqual([running]);
      expect(await ids({ podSandboxId: other.id })).toEqual([elsewhere]);
      expect(await ids({ labelSelector: { "end-to-end": first } })).toEqual([running, elsewhere].sort());
      expect(await ids({ id: created })).toEqual([created]);
      expect(await ids({ id: created, podSandboxId: other.id })).toEqual([]);
      await other.remove();
      for (const containerId of [running, created]) await runtime.removeContainer({ containerId });
    });

    test("have a name that nobody else in the pod can take", async () => {
      const { runtime } = stage.cri();
      const name = draw.name();
      const containerId = await pod.create(name);
      await expect(pod.create(name)).rejects.toMatchObject({
        code: "ALREADY_EXISTS",
        message: expect.stringContaining(containerId),
      });
      await runtime.removeContainer({ containerId });
      await runtime.removeContainer({ containerId: await pod.create(name) });
    });

    test("without metadata, or with a log path that climbs out, are refused by name", async () => {
      const { runtime } = stage.cri();
      const config = pod.container(draw.name());
      const create = (wrong: object) =>
        runtime.createContainer({ podSandboxId: pod.id, sandboxConfig: pod.config, config: { ...config, ...wrong } });
      for (const [wrong, named] of [
        [{ metadata: { name: "" } }, "metadata.name"],
        [{ image: { image: "" } }, "image"],
        [{ logPath: "../../climbs" }, "log_path"],
        [{ envs: [{ key: "" }] }, "envs[0]"],
      ] as const) {
        const refused = { code: "INVALID_ARGUMENT", message: expect.stringContaining(named) };
        await expect(create(wrong), named).rejects.toMatchObject(refused);
      }
      expect((await runtime.listContainers({ filter: { podSandboxId: pod.id } })).containers).toEqual([]);
    });

    test("that nobody knows are not found, and their stop and removal succeed", async () => {
      const { runtime } = stage.cri();
      const containerId = unknownId;
      await runtime.stopContainer({ containerId });
      await runtime.removeContainer({ containerId });
      for (const call of [
        runtime.containerStatus({ containerId }),
        runtime.startContainer({ containerId }),
        runtime.execSync({ containerId, cmd: ["true"] }),
      ]) {
        await expect(call).rejects.toMatchObject({ code: "NOT_FOUND" });
      }
    });
  });
}
