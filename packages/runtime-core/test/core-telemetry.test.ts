import { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import type { Meter, MetricDescription, Reading } from "../src/ports/index.ts";
import type { TracedCall, Tracer } from "../src/telemetry/tracer.ts";
import { busybox, containerConfig, failure, openCore, podConfig, runContainer } from "./core-harness.ts";

/** A meter whose numbers a test can look at: `NAME{value,value}` to the number, or to how many were recorded. */
function testMeter() {
  const numbers = new Map<string, number>();
  const read: { readonly name: string; readonly read: () => Iterable<Reading> }[] = [];
  const add = (key: string, amount: number): void => void numbers.set(key, (numbers.get(key) ?? 0) + amount);
  const key = ({ name }: MetricDescription, values: readonly string[]): string => `${name}{${values.join(",")}}`;
  const meter: Meter = {
    counter: (description) => ({
      of: (...values) => ({ add: (amount = 1) => add(key(description, values), amount) }),
    }),
    histogram: (description) => ({ of: (...values) => ({ record: () => add(key(description, values), 1) }) }),
    observe: ({ name }, _kind, reader) => void read.push({ name, read: reader }),
  };
  const all = (): ReadonlyMap<string, number> => {
    const observed = read.flatMap(({ name, read }) =>
      [...read()].map(([value, ...labels]) => [`${name}{${labels.join(",")}}`, value] as const),
    );
    return new Map([...numbers, ...observed]);
  };
  return { meter, all, of: (name: string): number | undefined => all().get(name) };
}

const traceId = "0af7651916cd43dd8448eb211c80319c";
const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };

describe("metrics", () => {
  it("count calls by method, version and code, and operations by stage, without a name or an ID", async () => {
    const { meter, all, of } = testMeter();
    const { runtime, core, ...harness } = await openCore({ meter });
    const { podSandboxId, containerId } = await runContainer({ runtime, core, ...harness });
    await failure(runtime.containerStatus({ containerId: "f".repeat(64) }), "NOT_FOUND");
    expect(of("keelson_sandboxes{READY}")).toBe(1);
    expect(of("keelson_containers{RUNNING}")).toBe(1);
    await runtime.stopContainer({ containerId, timeout: 10n });
    await runtime.removePodSandbox({ podSandboxId });
    expect(of("keelson_rpc_duration_seconds{RunPodSandbox,v1,OK}")).toBe(1);
    expect(of("keelson_rpc_duration_seconds{ContainerStatus,v1,NOT_FOUND}")).toBe(1);
    expect(of('keelson_operation_stage_seconds{RunPodSandbox,waiting for step "attach-network"}')).toBe(1);
    expect(of('keelson_operation_stage_seconds{StopPodSandbox,giving back step "attach-network"}')).toBe(1);
    for (const name of [
      "RunPodSandbox",
      "StopPodSandbox",
      "RemovePodSandbox",
      "CreateContainer",
      "StartContainer",
      "StopContainer",
      "RemoveContainer",
      "PullImage",
    ]) {
      expect([name, of(`keelson_operations_total{${name},done}`)]).toEqual([name, 1]);
      expect([name, of(`keelson_operations_running{${name}}`)]).toEqual([name, 0]);
    }
    expect([...all().keys()].filter((key) => /[0-9a-f]{12}|busybox|\bpod\b/.test(key))).toEqual([]);
    await core.close();
  });

  it("show what runs, and what was joined", async () => {
    const { meter, of } = testMeter();
    const { runtime, faults, core } = await openCore({ meter });
    const hold = faults.hold("attach-network.apply");
    const calls = [1, 2, 3].map(() => runtime.runPodSandbox({ config: podConfig() }));
    await hold.arrived(1);
    await expect.poll(() => of("keelson_operations_joined_total{RunPodSandbox}")).toBe(2);
    expect(of("keelson_operations_running{RunPodSandbox}")).toBe(1);
    expect(of("keelson_rpc_in_flight{RunPodSandbox,v1}")).toBe(3);
    expect(of("keelson_creates_unclaimed{sandbox}")).toBe(1);
    hold.release();
    await Promise.all(calls);
    expect(of("keelson_rpc_in_flight{RunPodSandbox,v1}")).toBeUndefined();
    await core.close();
  });

  it("count a call that was refused, and let it go", async () => {
    const { meter, of } = testMeter();
    const { runtime, core } = await openCore({ meter });
    await core.close();
    await failure(runtime.version({}), "UNAVAILABLE");
    await failure(first(runtime.getContainerEvents({})), "UNAVAILABLE");
    expect(of("keelson_rpc_duration_seconds{Version,v1,UNAVAILABLE}")).toBe(1);
    expect(of("keelson_rpc_duration_seconds{GetContainerEvents,v1,UNAVAILABLE}")).toBe(1);
    expect(of("keelson_rpc_in_flight{Version,v1}")).toBeUndefined();
    expect(of("keelson_rpc_in_flight{GetContainerEvents,v1}")).toBeUndefined();
  });

  it("see a stream like any call: while it is open, and how it ended", async () => {
    const { meter, of } = testMeter();
    const { runtime, core, lines } = await openCore({ meter });
    const caller = new AbortController();
    const events = runtime.getContainerEvents({}, { signal: caller.signal })[Symbol.asyncIterator]();
    const event = events.next();
    await expect.poll(() => of("keelson_event_subscribers{}")).toBe(1);
    expect(of("keelson_rpc_in_flight{GetContainerEvents,v1}")).toBe(1);
    await runtime.runPodSandbox({ config: podConfig() });
    expect((await event).done).toBe(false);
    const next = expect(events.next()).rejects.toThrow();
    caller.abort();
    await next;
    await expect.poll(() => of("keelson_rpc_duration_seconds{GetContainerEvents,v1,CANCELED}")).toBe(1);
    expect(of("keelson_rpc_in_flight{GetContainerEvents,v1}")).toBeUndefined();
    expect(of("keelson_events_total{}")).toBeGreaterThanOrEqual(1);
    expect(lines.find(({ fields }) => fields.rpc === "GetContainerEvents")).toMatchObject({ level: "debug" });
    await core.close();
  });
});

describe("the stage in a deadline's error", () => {
  const deadline = { timeoutMs: 500 };

  it.each([
    [
      "create-container's step",
      "mount-rootfs.apply",
      /^CreateContainer: .* waiting for step "mount-rootfs" for 0\.\d s/,
    ],
    [
      "start-container's step",
      "start-process.apply",
      /^StartContainer: .* waiting for step "start-process" for 0\.\d s/,
    ],
    [
      "a network that is given back",
      "attach-network.revert",
      /^StopPodSandbox: .* giving back step "attach-network" for/,
    ],
    ["a removal that waits for its stop", "attach-network.revert", /^RemovePodSandbox: .* giving back step "attach-/],
    [
      "what a container held",
      "mount-rootfs.revert",
      /^RemoveContainer: .* giving back step "mount-rootfs" for 0\.\d s/,
    ],
    ["a pull", "image.pull", /^PullImage: .* pulling docker\.io\/library\/busybox:latest for 0\.\d s/],
    ["a command", "container.exec", /^ExecSync: .* waiting for the end of the command in container [0-9a-f]{64} for/],
  ] as const)("names %s", async (_, point, wanted) => {
    const { runtime, images, faults, core, lines } = await openCore();
    const rpc = wanted.source.slice(1, wanted.source.indexOf(":"));
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const create = (name: string) => ({ podSandboxId, config: containerConfig(name) });
    const { containerId } = await runtime.createContainer(create("first"));
    if (rpc === "ExecSync") await runtime.startContainer({ containerId });
    const hold = faults.hold(point);
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      CreateContainer: () => runtime.createContainer(create("second"), deadline),
      StartContainer: () => runtime.startContainer({ containerId }, deadline),
      StopPodSandbox: () => runtime.stopPodSandbox({ podSandboxId }, deadline),
      RemovePodSandbox: () => runtime.removePodSandbox({ podSandboxId }, deadline),
      RemoveContainer: () => runtime.removeContainer({ containerId }, deadline),
      PullImage: () => images.pullImage({ image: { image: busybox } }, deadline),
      ExecSync: () => runtime.execSync({ containerId, cmd: ["true"] }, deadline),
    };
    const message = await failure(calls[rpc]?.() ?? Promise.reject(new Error(rpc)), "DEADLINE_EXCEEDED");
    expect(message).toMatch(wanted);
    const line = lines.find(({ fields }) => fields.rpc === rpc && fields.code === "DEADLINE_EXCEEDED");
    expect(line).toMatchObject({
      level: "warn",
      message: "call failed",
      fields: { error: { code: "DEADLINE_EXCEEDED" } },
    });
    expect(line?.fields.error).toMatchObject({ message: expect.stringMatching(wanted) });
    hold.release();
    await core.close();
  });

  it("names a stop signal that is ignored, with the time until SIGKILL, and how many others there are", async () => {
    const { runtime, core } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const config = containerConfig("main", { script: { stop: "ignore" } });
    const { containerId } = await runtime.createContainer({ podSandboxId, config });
    await runtime.startContainer({ containerId });
    const message = await failure(runtime.stopContainer({ containerId, timeout: 30n }, deadline), "DEADLINE_EXCEEDED");
    expect(message).toContain(
      `waiting for the end after its stop signal of container ${containerId} (SIGKILL in 30 s) for 0.`,
    );
    await runtime.stopContainer({ containerId, timeout: 0n });
    await core.close();
  });
});

describe("trace context", () => {
  it("of the caller is in the log line of its call, and in no other", async () => {
    const { runtime, core, lines } = await openCore();
    await runtime.version({}, { headers });
    await failure(runtime.containerStatus({ containerId: "f".repeat(64) }, { headers }), "NOT_FOUND");
    await runtime.status({}, { headers: { traceparent: "00-nothing" } });
    const traceOf = (rpc: string) => lines.find(({ fields }) => fields.rpc === rpc)?.fields.trace_id;
    expect([traceOf("Version"), traceOf("ContainerStatus"), traceOf("Status")]).toEqual([traceId, traceId, undefined]);
    await core.close();
  });

  it("is handed to who makes spans, and the span ends once with the code and without secrets", async () => {
    const begun: TracedCall[] = [];
    const ended: unknown[] = [];
    const tracer: Tracer = {
      begin: (call) => {
        begun.push(call);
        return { traceId: "a".repeat(32), end: (end) => void ended.push(end) };
      },
    };
    const { runtime, core, lines } = await openCore({ tracer });
    begun.length = 0;
    ended.length = 0;
    await runtime.version({}, { headers });
    const error = await runtime
      .createContainer({ podSandboxId: "https://user:hunter2@example.com/" }, { headers })
      .catch((reason: unknown) => ConnectError.from(reason));
    expect(error).toBeInstanceOf(ConnectError);
    expect(begun).toMatchObject([
      { rpc: "Version", service: "runtime.v1.RuntimeService", version: "v1" },
      { rpc: "CreateContainer" },
    ]);
    expect(begun[0]?.header("traceparent")).toBe(headers.traceparent);
    expect(ended).toHaveLength(2);
    expect(ended[0]).toEqual({ code: "OK", message: undefined });
    expect(JSON.stringify(ended)).not.toContain("hunter2");
    expect(lines.find(({ fields }) => fields.rpc === "Version")?.fields.trace_id).toBe("a".repeat(32));
    await core.close();
  });
});

async function first(stream: AsyncIterable<unknown>): Promise<unknown> {
  for await (const part of stream) return part;
  return undefined;
}
