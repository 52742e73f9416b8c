// What the cases say they cover, at keelsond. `npm run test:long`; with KEELSON_CONFORMANCE_ONLY the claims of some cases.
import { join } from "node:path";
import { expect, it } from "vitest";
import { createNode } from "../../../apps/runtime/test/harness/start-node.ts";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { countsOf, tryClaims } from "./dropper-suite.ts";
import { openKeelsondTarget } from "./keelsond-target.ts";
import { writeLoss } from "./loss-file.ts";

const entry = join(import.meta.dirname, "dropping-keelsond.ts");
const skip = linuxGate.skip || process.env.KEELSON_LONG === undefined;

it.skipIf(skip)(
  "a case that covers a field fails when the field is lost, at keelsond",
  { timeout: 3_600_000 },
  async () => {
    const dropped = await tryClaims({
      engine: "linux",
      async open() {
        let folder = "";
        const opened = await openKeelsondTarget(async (options) => {
          const node = await createNode({ ...options, entry });
          folder = node.folder;
          await writeLoss(folder, undefined);
          await node.start();
          return node;
        });
        return { ...opened, lose: (what) => writeLoss(folder, what) };
      },
      targets: 3,
      concurrency: 3,
      waitMs: 6_000,
      timeoutMs: 30_000,
      unseen: {
        "SYSTEMD, where that is its answer, is what is read where nothing stands": [
          "LinuxRuntimeConfiguration.cgroup_driver",
        ],
        "a feature that it has not is false, which is what is read where nothing stands": [
          "RuntimeFeatures.mount_options",
          "RuntimeFeatures.user_namespaces_host_network",
          "RuntimeHandlerFeatures.user_namespaces",
          "RuntimeHandlerFeatures.recursive_read_only_mounts",
        ],
      },
    });
    console.info(countsOf("keelsond", dropped));
    const { survivors } = dropped;
    expect(survivors, survivors.join("\n")).toEqual([]);
  },
);
