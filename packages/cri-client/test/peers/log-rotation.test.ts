// A log that is rotated as the kubelet does it, with the containerd of each generation as its writer.
import { rename } from "node:fs/promises";
import { followLog, type LogEvent } from "@keelson/cri-client/logs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startContainer } from "../../../../apps/runtime/test/harness/pods.ts";
import { kubeletContainer, runKubeletPod } from "./harness/kubelet-requests.ts";
import { openPeerNode, type PeerNode } from "./harness/peer-node.ts";
import { peers, titledSuites } from "./harness/peers.ts";

const lines = 20_000;
const rotations = 4;

describe.each(titledSuites)("containerd %s", { timeout: 60_000 }, (_, suite) => {
  const absent = !peers.has(suite);
  let node: PeerNode;
  beforeAll(async () => {
    if (absent) return;
    node = await openPeerNode();
    await node.start(suite);
  }, 60_000);
  afterAll(() => node?.close(), 60_000);

  it.skipIf(absent)("a busy container's log is followed through rotations, each line once and in order", async () => {
    await using cri = await node.connect();
    const pod = await runKubeletPod(cri, node);
    // it lives on at its end, so that the last rotation finds it running whoever is quicker
    const write = `i=0; while [ $i -lt ${lines} ]; do echo $i; echo $i >&2; i=$((i+1)); [ $((i % 500)) != 0 ] || sleep 0.02; done`;
    const script = `trap exit TERM; ${write}; while :; do sleep 60 & wait $!; done`;
    const containerId = await startContainer(cri, pod, await kubeletContainer(cri, node, { name: "busy", script }));
    const logPath = (await cri.runtime.containerStatus({ containerId })).status?.logPath ?? "";
    const events: LogEvent[] = [];
    const next = { stdout: 0, stderr: 0 };
    let rotated = 0;
    for await (const { stream, text } of followLog(logPath, { onEvent: (event) => events.push(event) })) {
      if (text !== String(next[stream])) throw new Error(`${stream} line ${next[stream]} is ${JSON.stringify(text)}`);
      next[stream]++;
      if (stream === "stdout" && text === String((rotated + 1) * 2000) && rotated < rotations) {
        rotated++;
        await rename(logPath, `${logPath}.20261124-00000${rotated}`);
        await cri.runtime.reopenContainerLog({ containerId });
      }
      if (next.stdout === lines && next.stderr === lines) break;
    }
    expect([next, rotated]).toEqual([{ stdout: lines, stderr: lines }, rotations]);
    // a reader that is behind meets some of the files that were rotated meanwhile in one look
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(["rotated"]));
  });
});
