// The runtime is replaced under its clients, on the same socket, root and state, while a container runs.
import { mkdir } from "node:fs/promises";
import type { CriVersion } from "@keelson/cri-api/versions";
import type { CriConnection, CriConnectionEvent, LinkState } from "@keelson/cri-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { containerConfig } from "../../../../apps/runtime/test/harness/pods.ts";
import { kubeletContainer, runKubeletPod } from "./harness/kubelet-requests.ts";
import { expectAlive, startLivingContainer } from "./harness/living-container.ts";
import { openPeerNode, type PeerNode } from "./harness/peer-node.ts";
import { peers, type Suite, suites } from "./harness/peers.ts";
import { until } from "./harness/until.ts";

/** Where the whole node keeps its pods: an upgrade takes them over. */
const store = "node";

/** Those of the changes that this run is about: the suites with the title. */
function pairsOf(...pairs: readonly (readonly [Suite, Suite])[]): readonly (readonly [string, Suite, Suite])[] {
  const name = (suite: Suite): string => peers.get(suite)?.version ?? `${suite} (not here)`;
  const wanted = pairs.filter((pair) => pair.every((suite) => suites.includes(suite)));
  return wanted.map(([from, to]) => [`${name(from)} → ${name(to)}`, from, to]);
}

const here = (...wanted: readonly Suite[]): boolean => wanted.every((suite) => peers.has(suite));

let node: PeerNode;
beforeEach(async () => {
  node = await openPeerNode();
});
afterEach(() => node.close(), 60_000);

/** A client with all that it was told. */
async function connect(options: Parameters<PeerNode["connect"]>[0] = {}) {
  const events: CriConnectionEvent[] = [];
  const cri = await node.connect({ ...options, onEvent: (event) => events.push(event) });
  const states = (): readonly LinkState["name"][] =>
    events.flatMap((event) => (event.type === "state" ? [event.state.name] : []));
  const changes = (): readonly CriConnectionEvent[] => events.filter(({ type }) => type === "version-changed");
  return { cri, states, changes, [Symbol.asyncDispose]: () => cri[Symbol.asyncDispose]() };
}

const reached = (cri: CriConnection, name: LinkState["name"]): Promise<void> =>
  until(`the state is ${name}`, 15_000, () => cri.state.runtime.name === name);

/** That the client says "restart required", as a state and by every call. */
async function expectRestartRequired(cri: CriConnection, chosen: CriVersion, served: CriVersion): Promise<void> {
  await reached(cri, "restart-required");
  expect(cri.state.runtime).toMatchObject({ name: "restart-required", chosen, served: [served] });
  expect(cri.state.images).toEqual(cri.state.runtime);
  const failure = {
    code: "FAILED_PRECONDITION",
    reason: "RESTART_REQUIRED",
    message: expect.stringContaining("restart required"),
  };
  await expect(cri.runtime.listContainers({})).rejects.toMatchObject(failure);
  await expect(cri.images.listImages({})).rejects.toMatchObject(failure);
}

const changed = (service: "runtime" | "image", from: CriVersion, to: CriVersion): object =>
  expect.objectContaining({ type: "version-changed", endpoint: node.endpoint, service, from, to });

describe.each(pairsOf(["bullseye", "sid"]))("containerd %s", { timeout: 120_000 }, (_, older, newer) => {
  it.skipIf(!here(older, newer))(
    "falls back, says restart required, negotiates anew; and all the way back",
    async () => {
      await node.start(older, { store });
      await using old = await connect();
      expect([old.cri.version, old.cri.imageVersion]).toEqual(["v1alpha2", "v1alpha2"]);
      const container = await startLivingContainer(old.cri, node, "main");
      await expectAlive(old.cri, container);

      await node.start(newer, { store });
      await expectRestartRequired(old.cri, "v1alpha2", "v1");
      expect(old.changes()).toEqual([]);
      {
        await using fresh = await connect();
        expect([fresh.cri.version, fresh.cri.imageVersion]).toEqual(["v1", "v1"]);
        await expectAlive(fresh.cri, container);
      }
      await old.cri.renegotiate();
      expect([old.cri.version, old.cri.imageVersion]).toEqual(["v1", "v1"]);
      expect(old.changes()).toEqual([changed("runtime", "v1alpha2", "v1"), changed("image", "v1alpha2", "v1")]);
      await expectAlive(old.cri, container);

      await node.start(older, { store });
      await expectRestartRequired(old.cri, "v1", "v1alpha2");
      {
        await using fresh = await connect();
        expect([fresh.cri.version, fresh.cri.imageVersion]).toEqual(["v1alpha2", "v1alpha2"]);
        await expectAlive(fresh.cri, container);
      }
      await old.cri.renegotiate();
      expect(old.changes().slice(2)).toEqual([
        changed("runtime", "v1", "v1alpha2"),
        changed("image", "v1", "v1alpha2"),
      ]);
      await expectAlive(old.cri, container);
    },
  );

  it.skipIf(!here(older, newer))("is noticed by an event alone where the client negotiates by itself", async () => {
    await node.start(older, { store });
    await using client = await connect({ renegotiate: "automatic", waitForReady: true });
    const container = await startLivingContainer(client.cri, node, "main");
    for (const [suite, from, to] of [
      [newer, "v1alpha2", "v1"],
      [older, "v1", "v1alpha2"],
    ] as const) {
      const before = client.changes().length;
      await node.stop();
      const waiting = client.cri.runtime.version({});
      await node.start(suite, { store });
      expect((await waiting).runtimeApiVersion).toBe(to);
      await expectAlive(client.cri, container);
      expect(client.changes().slice(before)).toEqual([changed("runtime", from, to), changed("image", from, to)]);
    }
    expect(client.states()).not.toContain("restart-required");
  });
});

const keeping = pairsOf(["bookworm", "bookworm"], ["bookworm", "trixie"], ["trixie", "sid"]);
describe.each(keeping)("containerd %s", { timeout: 120_000 }, (_, older, newer) => {
  it.skipIf(!here(older, newer)).each(["SIGTERM", "SIGKILL"] as const)(
    "keeps the version and the container after %s, and the client is ready again",
    async (signal) => {
      await node.start(older, { store });
      await using client = await connect();
      const container = await startLivingContainer(client.cri, node, "main");
      await expectAlive(client.cri, container);
      await node.stop(signal);
      await until("the connection is lost", 5000, () => client.states().includes("lost"));
      await node.start(newer, { store });
      await reached(client.cri, "ready");
      expect(client.cri.version).toBe("v1");
      await expectAlive(client.cri, container);
      expect(client.changes()).toEqual([]);
      expect(new Set(client.states())).toEqual(new Set(["negotiating", "ready", "lost", "redialing"]));
    },
  );
});

describe.each(pairsOf(["sid", "bookworm"]))("containerd %s", { timeout: 120_000 }, (_, newer, older) => {
  it.skipIf(!here(newer, older))(
    "is not taken for what it was: what it kept before is refused, and kept again",
    async () => {
      await node.start(newer);
      await using client = await connect({ waitForReady: true });
      const mount = {
        hostPath: node.path("volume"),
        containerPath: "/volume",
        readonly: true,
        recursiveReadOnly: true,
      };
      await mkdir(mount.hostPath);
      const create = async (name: string): Promise<unknown> => {
        const pod = await runKubeletPod(client.cri, node);
        const options = await kubeletContainer(client.cri, node, { name, script: "true", mounts: [mount] });
        return await client.cri.runtime.createContainer({ ...pod, config: containerConfig(options) });
      };
      await expect(create("one")).resolves.toMatchObject({ containerId: expect.stringMatching(/./) });
      await node.start(older);
      await expect(create("two")).rejects.toMatchObject({ code: "FAILED_PRECONDITION", reason: "WEAKER_THAN_ASKED" });
      await node.start(newer);
      await expect(create("three")).resolves.toMatchObject({ containerId: expect.stringMatching(/./) });
      expect(client.changes()).toEqual([]);
    },
  );
});
