import { randomBytes } from "node:crypto";
import { busyboxImage } from "@keelson/image-store/build";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { renderScript } from "./end-to-end/render-script.ts";
import { endToEnd } from "./end-to-end/suite.ts";
import { startNode } from "./harness/start-node.ts";

endToEnd(
  "keelsond",
  async ({ images, versions }) => {
    const config = versions === undefined ? "" : `[grpc]\nversions = ${JSON.stringify(versions)}`;
    const node = await startNode({ config });
    try {
      const references: string[] = [];
      for (const name of images) {
        const Labels = { content: randomBytes(8).toString("hex") };
        references.push(await node.push(name, busyboxImage({ config: { Labels } })));
      }
      return {
        endpoint: node.endpoint,
        references,
        program: (script) => ({ command: renderScript(script), annotations: {} }),
        close: () => node.close(),
      };
    } catch (error) {
      await node.close();
      throw error;
    }
  },
  { skip: linuxGate.skip },
);
