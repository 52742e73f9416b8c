import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { MountPropagation } from "@keelson/cri-api/v1";
import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Stage } from "../../stage/stage.ts";
import { startOrRefused } from "./made-or-refused.ts";

const run = promisify(execFile);

const critest = "[k8s.io] Container Mount Readonly runtime should support readonly mounts should support";

/** A folder of the node on which another file system is mounted, at `sub`. */
async function folderWithMount({ defer }: Pick<Stage, "defer">): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "keelson-conformance-"));
  defer("folder", () => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, "sub"));
  await run("mount", ["--bind", folder, folder]);
  defer("mounts", () => run("umount", ["--recursive", folder]));
  await run("mount", ["-t", "tmpfs", "tmpfs", join(folder, "sub")]);
  return folder;
}

export const recursivelyReadOnly: Case = defineCase({
  name: "a read-only mount leaves what is mounted below it as it is; a recursive one is read-only throughout, or refused",
  cites: "runtime.v1 Mount.readonly, Mount.recursive_read_only; KEP-3857",
  covers: ["Mount.recursive_read_only", "Mount.readonly"],
  needs: ["inside"],
  critest: [`${critest} non-recursive readonly mounts`, `${critest} recursive readonly mounts`],
  async run({ cri, pod, defer }) {
    const hostPath = await folderWithMount({ defer });
    const propagation = MountPropagation.PROPAGATION_PRIVATE;
    for (const [recursiveReadOnly, writable] of [
      [false, "/data/sub"],
      [true, ""],
    ] as const) {
      const mounts = [{ containerPath: "/data", hostPath, propagation, readonly: true, recursiveReadOnly }];
      const c = await startOrRefused({ cri }, pod, { config: { mounts } }, /recursive/i);
      if (c === undefined) {
        expect(recursiveReadOnly, "refused").toBe(true);
        continue;
      }
      const inside = "for at in /data /data/sub; do if touch $at/file 2>/dev/null; then echo $at; fi; done";
      expect(await c.observe({ inside, recorded: () => "" })).toBe(writable);
    }
  },
});
