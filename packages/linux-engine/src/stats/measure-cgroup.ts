import { join } from "node:path";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import {
  type CgroupFigures,
  type CgroupTexts,
  figuresOfV1,
  figuresOfV2,
  filesOfV1,
  filesOfV2,
  pressureFiles,
} from "./cgroup-figures.ts";
import { readKernelFile } from "./read-kernel-file.ts";

/** Measures a cgroup with all below it. `path` is below the hierarchy's root. Without figures when it is gone. */
export async function measureCgroup(layout: CgroupLayout, path: string): Promise<CgroupFigures> {
  const texts = await readCgroup(layout, path);
  return layout.version === 2 ? figuresOfV2(texts) : figuresOfV1(texts);
}

/** Files beside those that figures are made of: with their controllers on v1, and on v2. */
export interface FurtherFiles {
  readonly v1: ReadonlyMap<string, string>;
  readonly v2: readonly string[];
}

const none: FurtherFiles = { v1: new Map(), v2: [] };

/** The files that figures of a cgroup are made of, and further ones. What is not there is absent. */
export async function readCgroup(
  layout: CgroupLayout,
  path: string,
  further: FurtherFiles = none,
): Promise<CgroupTexts> {
  const files =
    layout.version === 2
      ? [...filesOfV2, ...further.v2].map((name) => [name, layout.unified] as const)
      : v1Files(layout, further.v1);
  const timestamp = BigInt(Date.now()) * 1_000_000n;
  const texts = new Map(
    await Promise.all(
      files.map(async ([name, root]) => {
        const text = root === undefined ? undefined : await readKernelFile(join(root, path, name));
        return [name, text] as const;
      }),
    ),
  );
  return { timestamp, get: (name) => texts.get(name) };
}

function v1Files(
  layout: CgroupLayout,
  further: ReadonlyMap<string, string>,
): (readonly [name: string, root: string | undefined])[] {
  const ofControllers = [...filesOfV1, ...further].map(
    ([name, controller]) => [name, layout.mounts.get(controller)] as const,
  );
  // on a hybrid host the OCI runtimes put containers into cgroup2, too
  return [...ofControllers, ...pressureFiles.map((name) => [name, layout.unified] as const)];
}
