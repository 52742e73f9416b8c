// One node for all kinds of bad input: each is answered with a code and a remedy, and leaves nothing behind.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CriConnection } from "@keelson/cri-client";
import { type BuiltImage, busyboxImage, pushBlobs, pushManifest, type TarEntry } from "@keelson/image-store/build";
import { parseReference } from "@keelson/image-store/reference";
import { expect } from "vitest";
import { Canary } from "../../../../packages/linux-engine/test/canary.ts";
import { imageOn } from "../harness/image-on.ts";
import { type ContainerOptions, containerConfig, logFolder, outcome, type Pod, runPod } from "../harness/pods.ts";
import { expectRefused, type Refusal } from "../harness/refusals.ts";
import { startNode, type TestNode } from "../harness/start-node.ts";

export interface Stage extends AsyncDisposable {
  readonly node: TestNode;
  readonly cri: CriConnection;
  /** A pod that lives as long as the node. */
  readonly pod: Pod;
  /** A good image, pulled. */
  readonly image: string;
  /** A tree outside of the node that nothing may touch. */
  readonly canary: Canary;
  /** How the OCI runtime of the handler `recorded` was called: its arguments, environment and descriptors, a line each. */
  calls(): Promise<readonly string[]>;
  /** Pushes an image: the good one with a layer on top, and with these settings, or a whole one. @returns its name */
  push(entries: readonly TarEntry[] | BuiltImage, settings?: Readonly<Record<string, unknown>>): Promise<string>;
  pull(name: string): Promise<string>;
  /** Creates a container, in the stage's pod or another one. */
  create(options: Partial<ContainerOptions>, pod?: Pod): Promise<string>;
  /** Expects that each call fails so, and that the node has afterwards what it had before. @returns the errors */
  refused(...refusals: readonly Refusal[]): Promise<readonly unknown[]>;
}

/** An OCI runtime that notes how it was called, in a file for each call, and then is the machine's own one. */
const recorder = (folder: string): string => `#!/bin/sh
note=${folder}/$$
echo "$@" >$note
env >>$note
(ls -l /proc/$$/fd >>$note)
runtime=$(PATH=$PATH:/usr/sbin:/usr/bin command -v runc || PATH=$PATH:/usr/sbin:/usr/bin command -v crun)
exec "$runtime" "$@"
`;

export async function openStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "keelson-recorder-"));
  const notes = join(folder, "calls");
  await mkdir(notes);
  await writeFile(join(folder, "runtime"), recorder(notes), { mode: 0o755 });
  const node = await startNode({ config: `[runtimes.recorded]\npath = ${JSON.stringify(join(folder, "runtime"))}` });
  const canary = new Canary();
  const untouched = canary.state();
  const cri = await node.connect();
  const base = busyboxImage();
  const pushed = new Set<string>();
  const push: Stage["push"] = async (given, settings) => {
    const image = "manifest" in given ? given : imageOn(base, given, settings);
    const name = `${node.registry.host}/images:${pushed.size}`;
    const options = { registry: node.registry.url, reference: parseReference(name) };
    const missing = [image.config, ...image.layers].filter(({ descriptor }) => !pushed.has(descriptor.digest));
    await pushBlobs(missing, options);
    await pushManifest(image.manifest, options);
    for (const { descriptor } of [...missing, image.manifest]) pushed.add(descriptor.digest);
    return name;
  };
  const pull: Stage["pull"] = async (image) => (await cri.images.pullImage({ image: { image } })).imageRef;
  const image = await push(base);
  await pull(image);
  const logDirectory = logFolder(node.folder);
  await mkdir(join(logDirectory, "main"), { recursive: true });
  const pod = await runPod(cri, { logDirectory });
  // the first container makes folders that stay
  await outcome(cri, pod, { image, script: "true" });
  return {
    node,
    cri,
    pod,
    image,
    canary,
    calls: async () => Promise.all((await readdir(notes)).map((name) => readFile(join(notes, name), "utf8"))),
    push,
    pull,
    async create(options, in_ = pod) {
      const config = containerConfig({ image, ...options });
      return (await cri.runtime.createContainer({ ...in_, config })).containerId;
    },
    async refused(...refusals) {
      const errors = await expectRefused(node, refusals);
      expect(canary.state()).toBe(untouched);
      return errors;
    },
    async [Symbol.asyncDispose]() {
      cri.close();
      await node.close();
      canary[Symbol.dispose]();
      await rm(folder, { recursive: true });
    },
  };
}
