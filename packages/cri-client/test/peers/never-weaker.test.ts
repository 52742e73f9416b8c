// What the containerd of a generation would ignore is refused by name, and what it keeps is sent.
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseEndpoint } from "@keelson/cri-api/endpoint";
import { NamespaceMode, SupplementalGroupsPolicy } from "@keelson/cri-api/v1";
import type { CriVersion } from "@keelson/cri-api/versions";
import type { ConnectOptions, CriConnection, CriConnectionEvent } from "@keelson/cri-client";
import { learnServerFacts, openConnection } from "@keelson/cri-client/probe";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ContainerOptions, containerConfig, outcome } from "../../../../apps/runtime/test/harness/pods.ts";
import { kubeletContainer, kubeletPod, runKubeletPod } from "./harness/kubelet-requests.ts";
import { openPeerNode, type PeerNode } from "./harness/peer-node.ts";
import { peers, served, titledSuites } from "./harness/peers.ts";

const run = promisify(execFile);

describe.each(titledSuites)("containerd %s", { timeout: 60_000 }, (_, suite) => {
  const absent = !peers.has(suite);
  /** containerd 2, which also shows it. */
  const keeps = suite === "sid";
  const weaker: readonly CriVersion[] = keeps ? [] : served[suite];
  let node: PeerNode;
  /** A folder with a file system mounted in it, at `inner`. */
  let volume: string;
  beforeAll(async () => {
    if (absent) return;
    node = await openPeerNode();
    await node.start(suite);
    volume = node.path("volume");
    await mkdir(join(volume, "inner"), { recursive: true });
    await run("mount", ["-t", "tmpfs", "tmpfs", join(volume, "inner")]);
  }, 60_000);
  afterAll(async () => {
    if (node === undefined) return;
    await run("umount", [join(volume, "inner")]);
    await node.close();
  }, 60_000);

  async function connect(version: CriVersion, options: Partial<ConnectOptions> = {}) {
    const events: CriConnectionEvent[] = [];
    const cri = await node.connect({ ...options, versions: [version], onEvent: (event) => events.push(event) });
    const dropped = (): readonly CriConnectionEvent[] => events.filter(({ type }) => type === "field-dropped");
    return { cri, dropped, [Symbol.asyncDispose]: () => cri[Symbol.asyncDispose]() };
  }

  /** One that tries to write into a volume that is read-only, with all that is mounted in it. */
  const recursive = (cri: CriConnection, version: CriVersion): Promise<ContainerOptions> =>
    kubeletContainer(cri, node, {
      name: `recursive-${version}`,
      script: "exec 2>&1; touch /volume/file; touch /volume/inner/file && echo inner is written",
      mounts: [{ hostPath: volume, containerPath: "/volume", readonly: true, recursiveReadOnly: true }],
    });

  const refusal = (field: string): object => ({
    code: "FAILED_PRECONDITION",
    reason: "WEAKER_THAN_ASKED",
    message: expect.stringContaining(`"${field}"`),
  });

  const drop = (method: string, field: string, security: boolean): object =>
    expect.objectContaining({ type: "field-dropped", endpoint: node.endpoint, method, field, security });

  it.skipIf(absent).each(served[suite])("confines a container by RuntimeDefault, asked by %s", async (version) => {
    await using client = await connect(version);
    const pod = await runKubeletPod(client.cri, node);
    const script = "grep ^Seccomp: /proc/self/status";
    const options = await kubeletContainer(client.cri, node, { name: `confined-${version}`, script });
    expect((await outcome(client.cri, pod, options)).lines).toEqual(["Seccomp:\t2"]);
    // a kubelet of today sends fields that v1alpha2 lacks and nobody needs
    if (version === "v1") return expect(client.dropped()).toEqual([]);
    expect(client.dropped()).toContainEqual(
      drop("RuntimeService/CreateContainer", "config.image.user_specified_image", false),
    );
    expect(client.dropped()).not.toContainEqual(expect.objectContaining({ security: true }));
  });

  it.skipIf(absent).each(weaker)("has a recursive read-only mount refused, by %s", async (version) => {
    await using client = await connect(version);
    const pod = await runKubeletPod(client.cri, node);
    const config = containerConfig(await recursive(client.cri, version));
    await expect(client.cri.runtime.createContainer({ ...pod, config })).rejects.toMatchObject(
      refusal("config.mounts[3].recursive_read_only"),
    );
    const filter = { podSandboxId: pod.podSandboxId };
    expect((await client.cri.runtime.listContainers({ filter })).containers).toEqual([]);
  });

  it.skipIf(absent).each(weaker)("runs it weaker where the caller chose so, by %s", async (version) => {
    await using client = await connect(version, { onUnsupportedField: "drop" });
    const pod = await runKubeletPod(client.cri, node);
    const { lines } = await outcome(client.cri, pod, await recursive(client.cri, version));
    expect(lines).toEqual(["touch: /volume/file: Read-only file system", "inner is written"]);
    expect(client.dropped()).toContainEqual(
      drop("RuntimeService/CreateContainer", "config.mounts[3].recursive_read_only", true),
    );
  });

  it.skipIf(absent).each(keeps ? served[suite] : [])("keeps a recursive read-only mount, by %s", async (version) => {
    await using client = await connect(version);
    const pod = await runKubeletPod(client.cri, node);
    const { lines } = await outcome(client.cri, pod, await recursive(client.cri, version));
    expect(lines).toEqual(
      ["/volume/file", "/volume/inner/file"].map((path) => `touch: ${path}: Read-only file system`),
    );
  });

  it.skipIf(absent).each(served[suite])(
    "has exact groups refused or kept, and a user namespace in the host's network refused, by %s",
    async (version) => {
      await using client = await connect(version);
      const pod = await runKubeletPod(client.cri, node);
      const options = await kubeletContainer(client.cri, node, { name: `groups-${version}`, script: "id -G" });
      const strict = {
        ...options,
        security: { ...options.security, supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict },
      };
      if (keeps) expect((await outcome(client.cri, pod, strict)).lines).toEqual(["0 1234"]);
      else {
        await expect(
          client.cri.runtime.createContainer({ ...pod, config: containerConfig(strict) }),
        ).rejects.toMatchObject(refusal("config.linux.security_context.supplemental_groups_policy"));
      }
      // no containerd yet has both
      const { metadata, logDirectory } = kubeletPod(node);
      const ids = [{ hostId: 100_000, containerId: 0, length: 65_536 }];
      const usernsOptions = { mode: NamespaceMode.POD, uids: ids, gids: ids };
      const namespaceOptions = { network: NamespaceMode.NODE, usernsOptions };
      const linux = { cgroupParent: node.cgroupParent, securityContext: { namespaceOptions } };
      await expect(
        client.cri.runtime.runPodSandbox({ config: { ...(metadata && { metadata }), logDirectory, linux } }),
      ).rejects.toMatchObject(refusal("config.linux.security_context.namespace_options.userns_options"));
    },
  );

  it.skipIf(absent)("shows no more than it keeps", async () => {
    const connection = openConnection(parseEndpoint(node.endpoint));
    try {
      for (const version of served[suite]) {
        const { transport } = connection;
        const { generation, handlers, features } = await learnServerFacts({ transport, version, timeoutMs: 10_000 });
        const handler = handlers.find(({ name }) => name === "runc")?.features?.recursiveReadOnlyMounts;
        const shown = [generation === "before 1.25", handler, features?.supplementalGroupsPolicy];
        expect(shown).toEqual(keeps ? [false, true, true] : [true, undefined, undefined]);
      }
    } finally {
      connection.close();
    }
  });
});
