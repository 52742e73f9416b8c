import { writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import type { ContainerEvent } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { logFolder, runPod, startContainer } from "./harness/pods.ts";
import { startReadyNode } from "./harness/ready-node.ts";
import { commandsNaming, type TestNode } from "./harness/start-node.ts";

/** In the order of the protocol's numbers. */
const happened = ["created", "started", "stopped", "deleted"] as const;

/** The next events, `TYPE ID` each; what is told of other pods and a resync are passed over. */
async function told(events: AsyncIterable<ContainerEvent>, ids: readonly string[], count: number) {
  const all: Extract<ContainerEvent, { readonly type: "event" }>["event"][] = [];
  for await (const item of events) {
    if (item.type === "event" && ids.includes(item.event.containerId)) all.push(item.event);
    if (all.length === count) break;
  }
  return { names: all.map((event) => `${happened[event.containerEventType]} ${event.containerId}`), all };
}

describe.skipIf(linuxGate.skip)("keelsond's events", () => {
  let node: TestNode;
  let image: string;
  beforeAll(async () => {
    ({ node, image } = await startReadyNode());
  }, 60_000);
  afterAll(() => node.close(), 60_000);

  it("tell a real pod's whole life, an end by itself included", { timeout: 60_000 }, async () => {
    await using cri = await node.connect();
    const pod = await runPod(cri, { logDirectory: logFolder(node.folder) });
    const main = await startContainer(cri, pod, { image, script: "exit 3" });
    const { podSandboxId } = pod;
    // a subscriber of the first minute gets all since the start
    const first = await told(cri.containerEvents(), [podSandboxId, main], 5);
    expect(first.names).toEqual([
      ...[`created ${podSandboxId}`, `started ${podSandboxId}`],
      ...[`created ${main}`, `started ${main}`, `stopped ${main}`],
    ]);
    expect(first.all[1]?.podSandboxStatus).toMatchObject({ id: podSandboxId, state: PodSandboxState.SANDBOX_READY });
    expect(first.all[1]?.podSandboxStatus?.network?.ip).not.toBe("");
    expect(first.all[4]?.containersStatuses).toMatchObject([
      { id: main, state: ContainerState.CONTAINER_EXITED, exitCode: 3, reason: "Error" },
    ]);
    const rest = told(cri.containerEvents(), [podSandboxId, main], 8);
    await cri.runtime.stopPodSandbox({ podSandboxId });
    await cri.runtime.removePodSandbox({ podSandboxId });
    const { names, all } = await rest;
    expect(names.slice(5)).toEqual([`stopped ${podSandboxId}`, `deleted ${main}`, `deleted ${podSandboxId}`]);
    expect(all[5]?.podSandboxStatus).toMatchObject({ state: PodSandboxState.SANDBOX_NOTREADY, network: { ip: "" } });
    const times = all.map(({ createdAt }) => createdAt);
    expect(times).toEqual(times.toSorted((a, b) => Number(a - b)));
  });

  it("tell what ended while it was down to everybody of the first minute", { timeout: 60_000 }, async () => {
    const before = await node.connect();
    const pod = await runPod(before, { logDirectory: logFolder(node.folder) });
    const main = await startContainer(before, pod, {
      image,
      script: "while [ ! -e /tmp/go ]; do usleep 10000; done; exit 7",
      extra: { mounts: [{ containerPath: "/tmp", hostPath: `${node.folder}/signal` }] },
    });
    before.close();
    await node.stop("SIGKILL");
    await writeFile(`${node.folder}/signal/go`, "");
    // conmon names the container, and ends when it has written how that ended
    for (const deadline = Date.now() + 20_000; (await commandsNaming(main)).length > 0; await delay(20)) {
      if (Date.now() > deadline) throw new Error("conmon has not ended");
    }
    await node.start();
    await using cri = await node.connect();
    for (const events of [cri.containerEvents(), cri.containerEvents()]) {
      const { names, all } = await told(events, [main], 1);
      expect(names).toEqual([`stopped ${main}`]);
      expect(all[0]?.podSandboxStatus).toMatchObject({ id: pod.podSandboxId, state: PodSandboxState.SANDBOX_READY });
      expect(all[0]?.containersStatuses).toMatchObject([{ id: main, exitCode: 7, reason: "Error" }]);
    }
  });

  it("end with UNAVAILABLE when it stops, which takes it no longer for them", { timeout: 60_000 }, async () => {
    await using cri = await node.connect();
    const reading = (async () => {
      for await (const _ of cri.runtime.getContainerEvents({}));
    })();
    const ended = expect(reading).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await cri.runtime.version({});
    const began = performance.now();
    await node.stop();
    expect(performance.now() - began).toBeLessThan(4000);
    await ended;
    await node.start();
  });
});
