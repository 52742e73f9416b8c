import { create } from "@bufbuild/protobuf";
import { MetricDescriptorSchema, PodSandboxMetricsSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import type { Engine } from "../src/ports/index.ts";
import { containerConfig, failure, openCore, podConfig, runContainer } from "./core-harness.ts";

/** What an engine has none of, on an engine that has it: each verb tells what it was called with. */
function withVerbs(called: string[]): (engine: Engine) => Engine {
  const url = (verb: string, id: string): string => {
    called.push(`${verb} ${id}`);
    return `http://127.0.0.1:1/${verb}`;
  };
  return (engine) => ({
    ...engine,
    streams: {
      exec: async ({ id }, { cmd }) => url(`exec-${cmd.join("-")}`, id),
      attach: async ({ id }) => url("attach", id),
      portForward: async ({ id }, { port }) => url(`forward-${port.join("-")}`, id),
    },
    checkpoints: {
      container: async ({ id }, { path, timeoutMs }) => void called.push(`checkpoint ${id} ${path} ${timeoutMs}`),
      pod: async ({ id }, containers, { folder }) =>
        void called.push(`checkpoint ${id} ${containers.map((one) => one.id).join()} ${folder}`),
    },
    metrics: {
      descriptors: () => [create(MetricDescriptorSchema, { name: "up" })],
      measure: async (pods) => pods.map(({ sandbox: { id } }) => create(PodSandboxMetricsSchema, { podSandboxId: id })),
    },
  });
}

/** The simulated engine has no other of these verbs. */
function withoutMetrics({ metrics: _metrics, ...engine }: Engine): Engine {
  return engine;
}

const containerId = "f".repeat(64);
const podSandboxId = containerId;

describe("a call whose verb the engine lacks", () => {
  it.each([
    ["exec", { containerId, cmd: ["sh"], stdout: true }],
    ["attach", { containerId, stdout: true }],
    ["portForward", { podSandboxId }],
    ["checkpointContainer", { containerId }],
    ["checkpointPod", { podSandboxId }],
    ["restorePod", { checkpointPath: "/checkpoint" }],
    ["listMetricDescriptors", {}],
    ["listPodSandboxMetrics", {}],
  ] as const)("is UNIMPLEMENTED by the engine: %s", async (method, request) => {
    const { runtime } = await openCore({ over: withoutMetrics });
    const call = runtime[method] as (request: object) => Promise<unknown>;
    expect(await failure(call(request), "UNIMPLEMENTED")).toMatch(/the engine of this runtime can't do it$/);
  });

  it("is UNIMPLEMENTED also as a stream", async () => {
    const { runtime } = await openCore({ over: withoutMetrics });
    const reading = async (): Promise<void> => {
      for await (const _ of runtime.streamPodSandboxMetrics({})) expect.fail("there are none");
    };
    expect(await failure(reading(), "UNIMPLEMENTED")).toContain("the engine of this runtime");
  });
});

describe("a request that means nothing", () => {
  it.each([
    ["exec", { cmd: ["sh"], stdout: true }, "container_id"],
    ["exec", { containerId, stdout: true }, "cmd"],
    ["exec", { containerId, cmd: ["sh"] }, "stdin"],
    ["exec", { containerId, cmd: ["sh"], stdout: true, stderr: true, tty: true }, "stderr"],
    ["exec", { containerId, cmd: ["s\0h"], stdout: true }, "cmd[0]"],
    ["attach", { stdout: true }, "container_id"],
    ["attach", { containerId }, "stdin"],
    ["portForward", {}, "pod_sandbox_id"],
    ["portForward", { podSandboxId, port: [80, 65536] }, "port[1]"],
    ["checkpointContainer", { location: "/x" }, "container_id"],
    ["checkpointContainer", { containerId, location: "x.tar" }, "location"],
    ["checkpointContainer", { containerId, location: "/a/../x" }, "location"],
    ["checkpointPod", { outputPath: "/x" }, "pod_sandbox_id"],
    ["checkpointPod", { podSandboxId, outputPath: "x" }, "output_path"],
    ["restorePod", { checkpointPath: "x" }, "checkpoint_path"],
  ] as const)("is refused whatever the engine can do: %s %j names %s", async (method, request, field) => {
    for (const { runtime } of [await openCore(), await openCore({ over: withVerbs([]) })]) {
      const call = runtime[method] as (request: object) => Promise<unknown>;
      expect(await failure(call(request), "INVALID_ARGUMENT")).toContain(field);
    }
  });
});

describe("a verb that the engine has", () => {
  it("is called with the object and what was asked", async () => {
    const called: string[] = [];
    const harness = await openCore({ over: withVerbs(called) });
    const { runtime } = harness;
    const { podSandboxId: pod, containerId: main } = await runContainer(harness);
    const prefix = main.slice(0, 12);
    expect((await runtime.exec({ containerId: prefix, cmd: ["a", "b"], stdin: true })).url).toMatch(/exec-a-b$/);
    expect((await runtime.attach({ containerId: prefix, stderr: true })).url).toMatch(/attach$/);
    expect((await runtime.portForward({ podSandboxId: pod, port: [80] })).url).toMatch(/forward-80$/);
    await runtime.checkpointContainer({ containerId: main, location: "/x.tar", timeout: 2n });
    await runtime.checkpointPod({ podSandboxId: pod, outputPath: "/x", containerIds: [prefix] });
    expect(called).toEqual([
      `exec-a-b ${main}`,
      `attach ${main}`,
      `forward-80 ${pod}`,
      `checkpoint ${main} /x.tar 2000`,
      `checkpoint ${pod} ${main} /x`,
    ]);
    expect((await runtime.listMetricDescriptors({})).descriptors.map(({ name }) => name)).toEqual(["up"]);
    expect((await runtime.listPodSandboxMetrics({})).podMetrics.map(({ podSandboxId }) => podSandboxId)).toEqual([pod]);
    const streamed: string[] = [];
    for await (const { podSandboxMetrics } of runtime.streamPodSandboxMetrics({})) {
      streamed.push(...podSandboxMetrics.map(({ podSandboxId }) => podSandboxId));
    }
    expect(streamed).toEqual([pod]);
  });

  it("is not called for what is not there or in the wrong state", async () => {
    const called: string[] = [];
    const { runtime } = await openCore({ over: withVerbs(called) });
    await failure(runtime.exec({ containerId, cmd: ["sh"], stdout: true }), "NOT_FOUND");
    await failure(runtime.attach({ containerId, stdout: true }), "NOT_FOUND");
    await failure(runtime.portForward({ podSandboxId }), "NOT_FOUND");
    await failure(runtime.checkpointContainer({ containerId, location: "/x" }), "NOT_FOUND");
    await failure(runtime.checkpointPod({ podSandboxId, outputPath: "/x", containerIds: ["a"] }), "NOT_FOUND");
    const { podSandboxId: pod } = await runtime.runPodSandbox({ config: podConfig() });
    const { podSandboxId: other } = await runtime.runPodSandbox({ config: podConfig("other") });
    const { containerId: made } = await runtime.createContainer({ podSandboxId: pod, config: containerConfig() });
    const exec = runtime.exec({ containerId: made, cmd: ["sh"], stdout: true });
    expect(await failure(exec, "FAILED_PRECONDITION")).toContain("CREATED, want RUNNING");
    await failure(runtime.checkpointContainer({ containerId: made, location: "" }), "INVALID_ARGUMENT");
    await failure(runtime.checkpointPod({ podSandboxId: pod, outputPath: "/x" }), "INVALID_ARGUMENT");
    await runtime.startContainer({ containerId: made });
    const twice = { outputPath: "/x", containerIds: [made, made] };
    await failure(runtime.checkpointPod({ podSandboxId: pod, ...twice }), "INVALID_ARGUMENT");
    await failure(runtime.checkpointPod({ podSandboxId: other, ...twice }), "INVALID_ARGUMENT");
    await runtime.stopPodSandbox({ podSandboxId: pod });
    expect(await failure(runtime.portForward({ podSandboxId: pod }), "FAILED_PRECONDITION")).toContain("NOTREADY");
    expect(called).toEqual([]);
  });
});
