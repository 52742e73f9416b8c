import { type CriConnection, type CriConnectionEvent, connectCri } from "@keelson/cri-client";
import { describe, expect, test } from "vitest";
import { type Peer, usePeers } from "./peer.ts";

describe("lists and events", () => {
  const peers = usePeers();
  const connect = async (args: readonly string[]): Promise<{ cri: CriConnection; events: string[]; peer: Peer }> => {
    const events: string[] = [];
    const peer = await peers.runtime({ args });
    const onEvent = (event: CriConnectionEvent): number => events.push(event.type);
    const backoff = { initialMs: 10, maxMs: 50 };
    return { cri: await connectCri({ runtimeEndpoint: peers.socket, backoff, onEvent }), events, peer };
  };

  test("a list of 10,000 comes item by item from a runtime that streams it", async () => {
    const { cri, events } = await connect(["--streams", "--items", "10000"]);
    const ids: string[] = [];
    for await (const { id } of cri.lists.podSandboxes()) ids.push(id);
    expect([ids.length, ids.at(-1)]).toEqual([10_000, "sandbox-9999"]);
    expect(events).not.toContain("list-fallback");
    cri.close();
  });

  test.each(["v1", "v1alpha2"])("a runtime of %s without streams gives the same", async (versions) => {
    const { cri, events } = await connect(["--versions", versions, "--items", "10000"]);
    for (let round = 0; round < 2; round++) {
      const ids: string[] = [];
      for await (const { id } of cri.lists.containers()) ids.push(id);
      expect([ids.length, ids.at(-1)]).toEqual([10_000, "container-9999"]);
    }
    // told once where it had to be found out
    expect(events.filter((type) => type === "list-fallback")).toHaveLength(versions === "v1" ? 1 : 0);
    cri.close();
  });

  test("a list that is left is canceled, and the connection goes on", async () => {
    const { cri } = await connect(["--streams", "--items", "10000"]);
    for await (const { id } of cri.lists.podSandboxes()) if (id === "sandbox-3") break;
    expect((await cri.runtime.version({})).runtimeVersion).toBe("1");
    cri.close();
  });

  test("events begin with all there is, and go on with what happens", async () => {
    const { cri } = await connect(["--events", "on"]);
    const seen: unknown[] = [];
    for await (const item of cri.containerEvents()) {
      if (item.type === "resync") {
        expect([item.podSandboxes.length, item.containers.length, item.cause]).toEqual([3, 3, undefined]);
        if (seen.length === 0) await cri.runtime.startContainer({ containerId: "container-1" });
        seen.push("resync");
      } else {
        seen.push(item.event.containerId);
        break;
      }
    }
    expect(seen).toEqual(["resync", "container-1"]);
    cri.close();
  });

  test("events go on with all there is after the runtime was started anew", async () => {
    const { cri, events, peer } = await connect(["--events", "on"]);
    let resyncs = 0;
    for await (const item of cri.containerEvents()) {
      if (item.type !== "resync") continue;
      if (++resyncs === 2) break;
      await peer.kill();
      await peers.runtime({ args: ["--events", "on"] });
    }
    expect(events).toContain("events-resync");
    cri.close();
  });

  test.each(["none", "off"])("a runtime without events says so: %s", async (kind) => {
    const { cri } = await connect(["--events", kind]);
    const follow = async (): Promise<void> => {
      for await (const item of cri.containerEvents()) expect(item.type).toBe("resync");
    };
    await expect(follow()).rejects.toMatchObject({ reason: "EVENTS_NOT_SERVED" });
    cri.close();
  });

  test("events end without an error when the caller has had enough", async () => {
    const { cri } = await connect(["--events", "on"]);
    const caller = new AbortController();
    const seen: string[] = [];
    for await (const item of cri.containerEvents({ signal: caller.signal })) {
      seen.push(item.type);
      caller.abort();
    }
    expect(seen).toEqual(["resync"]);
    cri.close();
  });
});
