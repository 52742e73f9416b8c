import { type ConnectOptions, type CriConnection, type CriConnectionEvent, connectCri } from "@keelson/cri-client";
import { describe, expect, test } from "vitest";
import { usePeers } from "./peer.ts";
import { until } from "./until.ts";

interface Watched {
  readonly cri: CriConnection;
  readonly events: CriConnectionEvent[];
  /** The names of the states, in order. */
  readonly states: () => readonly string[];
}

describe("a connection's life", () => {
  const peers = usePeers();
  const connect = async (options: Partial<ConnectOptions> = {}): Promise<Watched> => {
    const events: CriConnectionEvent[] = [];
    const cri = await connectCri({
      runtimeEndpoint: peers.socket,
      backoff: { initialMs: 10, maxMs: 50 },
      onEvent: (event) => events.push(event),
      ...options,
    });
    return { cri, events, states: () => events.flatMap((event) => (event.type === "state" ? [event.state.name] : [])) };
  };

  test("a runtime that dies and comes back is ready again, and a call has waited for it", async () => {
    const first = await peers.runtime();
    const { cri, states } = await connect({ waitForReady: true });
    await first.kill();
    await until(() => states().includes("redialing"));
    const waiting = cri.runtime.version({});
    await peers.runtime();
    expect((await waiting).runtimeName).toBe("peer");
    expect(states().slice(0, 4)).toEqual(["negotiating", "ready", "lost", "redialing"]);
    expect(cri.state.runtime).toEqual({ name: "ready", version: "v1" });
    cri.close();
    expect(cri.state.runtime.name).toBe("closed");
  });

  test("calls fail at once while the runtime is away", async () => {
    const first = await peers.runtime();
    const { cri, states } = await connect();
    await first.kill();
    await until(() => states().includes("redialing"));
    await expect(cri.runtime.version({})).rejects.toMatchObject({ code: "UNAVAILABLE", reason: "NOT_LISTENING" });
    cri.close();
  });

  test("200 calls on their way end within a second of the runtime's death, each typed", async () => {
    const first = await peers.runtime();
    const { cri } = await connect();
    const calls = Array.from({ length: 200 }, () =>
      cri.runtime.reopenContainerLog({}).catch((error: unknown) => error),
    );
    await until(async () => (await cri.runtime.listMetricDescriptors({})).descriptors[0]?.name === "200");
    await first.kill();
    const died = performance.now();
    const failures = await Promise.all(calls);
    expect(performance.now() - died).toBeLessThan(1000);
    for (const failure of failures) expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "CONNECTION_LOST" });
    cri.close();
  });

  test("a runtime that comes back without the version that was chosen needs a restart, and negotiates anew", async () => {
    const first = await peers.runtime({ args: ["--versions", "v1alpha2"] });
    const { cri, events, states } = await connect();
    expect(cri.version).toBe("v1alpha2");
    await first.kill();
    await peers.runtime({ args: ["--versions", "v1"] });
    await until(() => states().includes("restart-required"));
    await expect(cri.runtime.version({})).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "RESTART_REQUIRED",
    });
    await cri.renegotiate();
    expect(cri.version).toBe("v1");
    expect(await cri.runtime.version({})).toMatchObject({ runtimeApiVersion: "v1" });
    expect(events.filter(({ type }) => type === "version-changed")).toHaveLength(2);
    cri.close();
  });

  test("it negotiates by itself when it may", async () => {
    const first = await peers.runtime({ args: ["--versions", "v1"] });
    const { cri, events } = await connect({ renegotiate: "automatic", waitForReady: true });
    await first.kill();
    await peers.runtime({ args: ["--versions", "v1alpha2"] });
    await until(() => events.some(({ type }) => type === "version-changed"));
    expect(await cri.runtime.version({})).toMatchObject({ runtimeApiVersion: "v1alpha2" });
    expect(cri.version).toBe("v1alpha2");
    cri.close();
  });

  test("a runtime that comes back without CRI is told as such", async () => {
    const first = await peers.runtime();
    const { cri, states } = await connect();
    await first.kill();
    await peers.runtime({ args: ["--versions", "none"] });
    await until(() => states().includes("serves-no-cri"));
    await expect(cri.runtime.version({})).rejects.toMatchObject({ reason: "SERVES_NO_CRI" });
    cri.close();
  });

  test("a wait for the runtime ends at the call's deadline", async () => {
    const first = await peers.runtime();
    const { cri, states } = await connect({ waitForReady: true });
    await first.kill();
    await until(() => states().includes("redialing"));
    await expect(cri.runtime.version({}, { timeoutMs: 100 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    cri.close();
  });

  test("connecting waits for a runtime that is not there yet, when it may", async () => {
    const connecting = connect({ waitForReady: true });
    await peers.runtime();
    const { cri } = await connecting;
    expect(cri.version).toBe("v1");
    cri.close();
  });
});
