import { join } from "node:path";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import { type CgroupFigures, figuresOfV1, figuresOfV2, filesOfV1, filesOfV2, pressureFiles } from "./cgroup-figures.ts";
import { readKernelFile } from "./read-kernel-file.ts";

/** Measures a cgroup with all below it. `path` is below the hierarchy's root. Without figures when it is gone. */
export async function measureCgroup(layout: CgroupLayout, path: string): Promise<CgroupFigures> {
  const files = layout.version === 2 ? filesOfV2.map((name) => [name, layout.unified] as const) : v1Files(layout);
  const timestamp = BigInt(Date.now()) * 1_000_000n;
  const texts = new Map(
    await Promise.all(
      files.map(async ([name, root]) => {
        const text = root === undefined ? undefined : await readKernelFile(join(root, path, name));
        return [name, text] as const;
      }),
    ),
  );
  const read = { timestamp, get: (name: string) => texts.get(name) };
  return layout.version === 2 ? figuresOfV2(read) : figuresOfV1(read);
}

function v1Files(layout: CgroupLayout): (readonly [name: string, root: string | undefined])[] {
  const ofControllers = [...filesOfV1].map(([name, controller]) => [name, layout.mounts.get(controller)] as const);
  // on a hybrid host the OCI runtimes put containers into cgroup2, too
  return [...ofControllers, ...pressureFiles.map((name) => [name, layout.unified] as const)];
}
