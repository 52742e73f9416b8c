// All that a measurement needs: a file system, a network, a registry with the images, and the runtimes.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { type BuiltImage, pushImage } from "../packages/image-store/src/build/index.ts";
import { parseReference } from "../packages/image-store/src/reference/index.ts";
import { startDockerRegistry } from "../packages/image-store/test/docker-registry.ts";
import { CleanupStack } from "../packages/lifecycle/src/index.ts";
import { endNaming } from "./daemon.ts";
import { openExt4Folder } from "./ext4-folder.ts";
import { largeImage, largeMarks, pauseImage, smallImage, smallMarks } from "./images.ts";
import { interruption } from "./interruption.ts";
import { keepContainerdPlaces, makePodCgroup, makePodNetwork } from "./pod-network.ts";
import { type Runtime, startContainerd, startKeelsond } from "./runtimes.ts";

export interface BenchImage {
  readonly name: "small" | "large";
  readonly reference: string;
  /** Hex digests of its compressed layers. */
  readonly layers: readonly string[];
  /** A path of each layer. */
  readonly marks: readonly string[];
  readonly compressedBytes: number;
}

export interface Workbench extends AsyncDisposable {
  readonly folder: string;
  /** On ext4, for what a kubelet would keep of its pods. */
  readonly pods: string;
  readonly cgroupParent: string;
  readonly small: BenchImage;
  readonly large: BenchImage;
  readonly keelsond: Runtime | undefined;
  readonly containerd: Runtime | undefined;
  close(): Promise<void>;
}

export interface WorkbenchOptions {
  /** Where the file of the file system lies. */
  readonly parent: string;
  readonly keelsond: boolean;
  /** The path of containerd's binary; without one it is not started. */
  readonly containerd?: string | undefined;
}

export async function openWorkbench(options: WorkbenchOptions): Promise<Workbench> {
  const cleanup = new CleanupStack();
  const close = (): Promise<void> => cleanup.close();
  try {
    cleanup.defer("containerd's places", keepContainerdPlaces());
    const folder = await openExt4Folder(options.parent);
    cleanup.defer("folder", () => folder.close());
    cleanup.defer("monitors", () => endNaming(folder.path));
    const cgroup = await makePodCgroup();
    cleanup.defer("cgroup", () => cgroup.close());
    const network = await makePodNetwork(folder.path);
    cleanup.defer("network", () => network.close());
    const registry = await startDockerRegistry();
    cleanup.defer("registry", () => registry.close());
    const certsDir = join(folder.path, "certs.d");
    await mkdir(join(certsDir, registry.host), { recursive: true });
    await writeFile(
      join(certsDir, registry.host, "hosts.toml"),
      `server = "${registry.url}"\n[host."${registry.url}"]\ncapabilities = ["pull", "resolve"]\n`,
    );
    const push = async (name: string, image: BuiltImage): Promise<string> => {
      const reference = `${registry.host}/bench/${name}:1`;
      await pushImage(image, { registry: registry.url, reference: parseReference(reference) });
      return reference;
    };
    const benchImage = async (name: "small" | "large", image: BuiltImage): Promise<BenchImage> => ({
      name,
      reference: await push(name, image),
      layers: image.layers.map(({ descriptor }) => descriptor.digest.replace("sha256:", "")),
      marks: name === "small" ? smallMarks : largeMarks,
      compressedBytes: image.layers.reduce((sum, { bytes }) => sum + bytes.length, 0),
    });
    const pause = await push("pause", pauseImage());
    const { disk, volatile } = folder;
    const runtimeOptions = { disk, volatile, confDir: network.confDir, certsDir, pause };
    const small = await benchImage("small", smallImage());
    const large = await benchImage("large", largeImage());
    const keelsond = options.keelsond ? await startKeelsond(runtimeOptions) : undefined;
    cleanup.defer("keelsond", () => keelsond?.stop());
    const containerd =
      options.containerd === undefined ? undefined : await startContainerd(options.containerd, runtimeOptions);
    cleanup.defer("containerd", () => containerd?.stop());
    const pods = join(disk, "pods");
    await mkdir(pods);
    const cgroupParent = cgroup.path;
    return {
      folder: folder.path,
      pods,
      cgroupParent,
      small,
      large,
      keelsond,
      containerd,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs a task on a workbench, which is given back also after a failure, a Ctrl-C and a SIGTERM. */
export async function withWorkbench(
  options: WorkbenchOptions,
  task: (workbench: Workbench) => Promise<void>,
): Promise<void> {
  const interrupted = interruption();
  await using workbench = await openWorkbench(options);
  try {
    await Promise.race([task(workbench), interrupted]);
  } catch (error) {
    for (const runtime of [workbench.keelsond, workbench.containerd]) {
      if (runtime !== undefined)
        process.stderr.write(`--- the end of ${runtime.name}'s log\n${await runtime.logEnd()}\n`);
    }
    throw error;
  }
}
