import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { clone } from "@bufbuild/protobuf";
import { ContainerConfigSchema } from "@keelson/cri-api/v1";
import { busyboxImage } from "@keelson/image-store/build";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { containerConfig, logFolder, podConfig, runPod } from "./harness/pods.ts";
import { startNode, type TestNode } from "./harness/start-node.ts";

// A CNI plugin that does nothing but wait for a file, and counts its calls.
const hold = (folder: string): string => `#!/bin/sh
cat >/dev/null
case $CNI_COMMAND in
  VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'; exit ;;
  ADD) echo "$CNI_CONTAINERID" >>${folder}/added; while [ ! -e ${folder}/go ]; do sleep 0.02; done ;;
esac
echo '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/x"}],"ips":[{"address":"10.9.9.9/24","interface":0}]}'
`;

describe.skipIf(linuxGate.skip)("creates whose callers come twice or go", () => {
  let node: TestNode;
  let image: string;
  let other: string;
  let folder: string;
  beforeAll(async () => {
    folder = join(tmpdir(), `keelson-hold-${process.pid}-${Date.now()}`);
    await mkdir(folder);
    await writeFile(join(folder, "hold"), hold(folder));
    await chmod(join(folder, "hold"), 0o755);
    node = await startNode({ pluginFolder: folder, plugins: () => [{ type: "hold" }] });
    image = await node.push("busybox:latest");
    other = await node.push("other:latest", busyboxImage({ layers: [[{ path: "other", content: "another image" }]] }));
    await using cri = await node.connect();
    await cri.images.pullImage({ image: { image } });
    await cri.images.pullImage({ image: { image: other } });
  }, 60_000);
  afterAll(async () => {
    await writeFile(join(folder, "go"), "");
    await node.close();
    await rm(folder, { recursive: true });
  }, 60_000);
  const holdAgain = async (): Promise<void> => {
    await rm(join(folder, "go"), { force: true });
    await rm(join(folder, "added"), { force: true });
  };
  const added = async (): Promise<string[]> =>
    (await readFile(join(folder, "added"), "utf8").catch(() => "")).split("\n").filter((line) => line !== "");
  const letGo = (): Promise<void> => writeFile(join(folder, "go"), "");

  it("gives 50 parallel RunPodSandbox of one identity one ID and one network", { timeout: 60_000 }, async () => {
    await holdAgain();
    await using cri = await node.connect();
    const config = podConfig({ logDirectory: logFolder(node.folder) });
    const calls = Array.from({ length: 50 }, () => cri.runtime.runPodSandbox({ config }));
    while ((await added()).length === 0) await delay(10);
    expect((await cri.runtime.listPodSandbox({})).items).toEqual([]);
    await letGo();
    const ids = new Set((await Promise.all(calls)).map((one) => one.podSandboxId));
    expect(ids.size).toBe(1);
    expect(await added()).toEqual([...ids]);
    const [id] = ids;
    await expect(cri.runtime.runPodSandbox({ config })).rejects.toMatchObject({
      code: "ALREADY_EXISTS",
      message: expect.stringContaining(id ?? "?"),
    });
  });

  it("hides a sandbox whose caller was cut off, and the retry claims it", { timeout: 60_000 }, async () => {
    await holdAgain();
    await using cri = await node.connect();
    const config = podConfig({ logDirectory: logFolder(node.folder) });
    const cut = new AbortController();
    const call = cri.runtime.runPodSandbox({ config }, { signal: cut.signal });
    while ((await added()).length === 0) await delay(10);
    cut.abort();
    await expect(call).rejects.toMatchObject({ code: "CANCELED" });
    await letGo();
    const [id = ""] = await added();
    const listed = async (): Promise<string[]> =>
      (await cri.runtime.listPodSandbox({ filter: { id } })).items.map((p) => p.id);
    expect(await listed()).toEqual([]);
    await expect(cri.runtime.podSandboxStatus({ podSandboxId: id })).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect((await cri.runtime.runPodSandbox({ config })).podSandboxId).toBe(id);
    expect(await listed()).toEqual([id]);
  });

  it("answers with the stage before the caller's own deadline", { timeout: 60_000 }, async () => {
    await holdAgain();
    await using cri = await node.connect();
    const config = podConfig({ logDirectory: logFolder(node.folder) });
    const error: unknown = await cri.runtime
      .runPodSandbox({ config }, { timeoutMs: 1500 })
      .catch((one: unknown) => one);
    expect(error).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      message: expect.stringMatching(/CNI ADD.*hold|hold.*CNI ADD/),
    });
    await letGo();
    expect((await cri.runtime.runPodSandbox({ config })).podSandboxId).toBe((await added())[0]);
  });

  it("claims a container with its envs in another order, and makes it anew with another image", {
    timeout: 60_000,
  }, async () => {
    await letGo();
    await using cri = await node.connect();
    const pod = await runPod(cri, { logDirectory: logFolder(node.folder) });
    const config = containerConfig({
      image,
      extra: {
        envs: [
          { key: "A", value: Buffer.from("1") },
          { key: "B", value: Buffer.from("2") },
        ],
      },
    });
    const swapped = clone(ContainerConfigSchema, config);
    swapped.envs.reverse();
    const anew = clone(ContainerConfigSchema, config);
    if (anew.image !== undefined) Object.assign(anew.image, { image: other, userSpecifiedImage: other });
    const names = async (): Promise<string[]> =>
      (await cri.runtime.listContainers({ filter: { podSandboxId: pod.podSandboxId } })).containers.map((c) => c.id);
    const hidden = (): string[] => node.log.filter((line) => line.includes("container finished after its caller"));
    // cut off in the middle: the create goes on without its caller
    const cutOff = async (wanted: typeof config): Promise<void> => {
      for (let afterMs = 2; afterMs < 100; afterMs += 2) {
        const before = hidden().length;
        const cut = new AbortController();
        setTimeout(() => cut.abort(), afterMs);
        const done = await cri.runtime.createContainer({ ...pod, config: wanted }, { signal: cut.signal }).then(
          (answer) => answer.containerId,
          () => undefined,
        );
        // faster than the cut: make room for the next try
        if (done !== undefined) await cri.runtime.removeContainer({ containerId: done });
        for (let wait = 0; wait < 50 && done === undefined; wait++) {
          if (hidden().length > before) return;
          await delay(10);
        }
      }
      throw new Error("no create was cut off in its middle");
    };
    await cutOff(config);
    expect(await names()).toEqual([]);
    const { containerId: claimed } = await cri.runtime.createContainer({ ...pod, config: swapped });
    expect(await names()).toEqual([claimed]);
    expect(hidden().at(-1)).toContain(claimed);
    await cri.runtime.removeContainer({ containerId: claimed });

    await cutOff(config);
    const { containerId: fresh } = await cri.runtime.createContainer({ ...pod, config: anew });
    const { status } = await cri.runtime.containerStatus({ containerId: fresh });
    expect(status?.image?.image).toBe(other);
    expect(await names()).toEqual([fresh]);
  });
});
