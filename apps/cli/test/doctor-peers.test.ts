// keelson doctor at the containerd of each generation. `npm test` takes bookworm's, KEELSON_PEERS=all those of all four.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keepContainerdPlaces } from "../../../bench/pod-network.ts";
import { type Containerd, startContainerd } from "../../../packages/cri-client/test/peers/harness/containerd.ts";
import { type Peer, peers, type Suite, suites } from "../../../packages/cri-client/test/peers/harness/peers.ts";
import { until } from "../../../packages/cri-client/test/peers/harness/until.ts";
import { startCriProxy } from "./harness/cri-proxy.ts";
import { type Diagnosis, diagnose, fate } from "./harness/diagnose.ts";

interface Generation {
  /** With a CNI configuration. */
  readonly exitCode: number;
  readonly fates: Readonly<Record<"1.22" | "1.25" | "1.37", string>>;
  /** Of the calls that came later than v1, the first that is missing. */
  readonly lacks: string;
  readonly driver: string | undefined;
}

const bothVersions = { "1.22": "v1alpha2/v1alpha2 ready", "1.25": "v1/v1 ready", "1.37": "v1/v1 ready" };

const generations: Readonly<Record<Suite, Generation>> = {
  bullseye: {
    exitCode: 4,
    fates: { "1.22": "v1alpha2/v1alpha2 ready", "1.25": "v1alpha2/v1alpha2 ready", "1.37": "null/null exits" },
    lacks: "RuntimeService/PodSandboxStats",
    driver: undefined,
  },
  bookworm: { exitCode: 0, fates: bothVersions, lacks: "RuntimeService/CheckpointContainer", driver: undefined },
  trixie: { exitCode: 0, fates: bothVersions, lacks: "RuntimeService/CheckpointContainer", driver: undefined },
  sid: {
    exitCode: 0,
    fates: { "1.22": "v1alpha2/v1alpha2 exits", "1.25": "v1/v1 ready", "1.37": "v1/v1 ready" },
    lacks: "RuntimeService/ListMetricDescriptors",
    driver: "served",
  },
};

const titled = suites.map((suite) => [`${peers.get(suite)?.version ?? "not here"} (${suite})`, suite] as const);

describe.each(titled)("keelson doctor at containerd %s", { timeout: 60_000 }, (_, suite) => {
  const peer = peers.get(suite);
  const here = it.skipIf(peer === undefined);
  const generation = generations[suite];
  const restorePlaces = keepContainerdPlaces();
  let folder: string;
  let socket: string;
  let containerd: Containerd | undefined;

  async function start(cri: boolean): Promise<void> {
    await containerd?.stop();
    const store = join(folder, cri ? "with-cri" : "without-cri");
    containerd = await startContainerd({ peer: peer as Peer, socket, folder: store, pauseImage: "pause", cri });
  }
  beforeAll(async () => {
    if (peer === undefined) return;
    folder = await mkdtemp(join(tmpdir(), "keelson-doctor-"));
    socket = join(folder, "c.sock");
    await start(true);
    // its socket is there before its CRI answers
    await until("CRI answers", 20_000, async () => /^(not-ready|older-only)$/.test((await diagnose(socket)).verdict));
  }, 60_000);
  afterAll(async () => {
    if (peer === undefined) return;
    await containerd?.stop();
    await rm(folder, { recursive: true });
    await restorePlaces();
  }, 60_000);

  here("tells what is served, what is missing, and that the network is not there", async () => {
    const diagnosis = await diagnose(socket);
    expect(diagnosis.runtime).toMatchObject({
      name: "containerd",
      version: expect.stringContaining(peer?.version ?? ""),
    });
    expect(diagnosis.exitCode).toBe(generation.exitCode === 0 ? 3 : generation.exitCode);
    expect(diagnosis.kubelets.flatMap(({ why }) => why)).toContain("NetworkReady is false");
    expect(diagnosis.missing.find(({ since }) => since !== null)?.method).toBe(generation.lacks);
    expect(diagnosis.unanswered).toEqual([]);
    expect(diagnosis.methods["RuntimeService/ListContainers"]).toBe("served");
  });

  here("judges kubelets by it when it has a network", async () => {
    const network = { cniVersion: "0.4.0", name: "doctor", plugins: [{ type: "loopback" }] };
    await writeFile(join(folder, "with-cri", "net.d", "10-doctor.conflist"), JSON.stringify(network));
    let diagnosis = await diagnose(socket);
    await until("the configuration is seen", 20_000, async () => {
      diagnosis = await diagnose(socket);
      return diagnosis.kubelets.every(({ why }) => !why.includes("NetworkReady is false"));
    });
    for (const [kubelet, expected] of Object.entries(generation.fates)) {
      expect([kubelet, fate(diagnosis, kubelet)]).toEqual([kubelet, expected]);
    }
    expect(diagnosis.exitCode).toBe(generation.exitCode);
    if (generation.driver !== undefined) expect(diagnosis.cgroupDriver?.answer).toBe(generation.driver);
  });

  here("is not deceived by a proxy that gives it another name and lacks one service", async () => {
    const listen = join(folder, "proxy.sock");
    const version = { runtimeName: "cri-o", runtimeVersion: "9.9.9" };
    const direct = await diagnose(socket);
    const told = ({ endpoint: _, imageEndpoint: __, runtime: ___, ...rest }: Diagnosis): unknown => rest;
    {
      await using _ = await startCriProxy({ listen, runtime: socket, version });
      const renamed = await diagnose(listen);
      expect(renamed.runtime).toMatchObject({ name: "cri-o", version: "9.9.9" });
      expect(told(renamed)).toEqual(told(direct));
    }
    await using _ = await startCriProxy({
      listen,
      runtime: socket,
      version,
      unimplemented: (path) => path.includes(".ImageService/"),
    });
    const lacking = await diagnose(listen);
    expect(lacking.services.runtime).toEqual(direct.services.runtime);
    expect(lacking.services.image).toEqual({ v1: { answer: "unimplemented" }, v1alpha2: { answer: "unimplemented" } });
    expect(lacking.kubelets.filter(({ outcome }) => outcome === "ready")).toEqual([]);
    expect(lacking.verdict).toMatch(/^(older-only|unusable)$/);
  });

  here("says that its CRI is switched off", async () => {
    await start(false);
    expect(await diagnose(socket)).toMatchObject({ exitCode: 6, verdict: "serves-no-cri" });
  });
});
