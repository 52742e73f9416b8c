import { mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { startOrRefused } from "./made-or-refused.ts";
import { recorded } from "./recorded.ts";

const kind = "conformance.example/device";
/** Where the node's specifications of devices are that come and go. */
const folder = "/var/run/cdi";

/** Others come and go in the folder at the same time. */
function absent(error: NodeJS.ErrnoException): false {
  if (error.code !== "ENOTEMPTY" && error.code !== "ENOENT") throw error;
  return false;
}

export const knownDevice: Case = defineCase({
  name: "a CDI device changes the container as its specification says, or the container is refused",
  cites: "runtime.v1 CDIDevice.name: a specification in /var/run/cdi says what it adds; CDI 0.5.0; KEP-4009",
  covers: ["ContainerConfig.CDI_devices", "CDIDevice.name"],
  async run({ cri, pod, unique, defer, target, until }) {
    const inside = target.has.includes("inside");
    const name = `${kind}=${unique}`;
    if (inside) {
      const devices = [{ name: unique, containerEdits: { env: [`CONFORMANCE_DEVICE=${unique}`] } }];
      const file = join(folder, `conformance.example-${unique}.json`);
      defer("specification", async () => {
        await rm(file, { force: true });
        // it stays where it holds others'; an empty one is as good as none
        await rmdir(folder).catch(absent);
      });
      const text = JSON.stringify({ cdiVersion: "0.5.0", kind, devices });
      await until("the specification is there", async () => {
        await mkdir(folder, { recursive: true });
        return await writeFile(file, text).then(() => true, absent);
      });
    }
    const config = { CDIDevices: [{ name }] };
    const c = await startOrRefused({ cri }, pod, { config }, new RegExp(`CDI.*${name}`, "i"));
    if (c === undefined) return;
    const found = await c.observe({
      inside: "echo $CONFORMANCE_DEVICE",
      recorded: (info) => recorded(info, "config.CDI_devices"),
    });
    expect(found).toBe(inside ? unique : JSON.stringify([{ name }]));
  },
});

export const unknownDevice: Case = defineCase({
  name: "a CDI device that no specification knows runs no container without it",
  cites: "runtime.v1 CDIDevice.name: an unknown name fails the create",
  covers: ["ContainerConfig.CDI_devices", "CDIDevice.name"],
  needs: ["inside"],
  async run({ cri, pod, unique }) {
    const name = `${kind}=there-is-no-${unique}`;
    const c = await startOrRefused({ cri }, pod, { config: { CDIDevices: [{ name }] } }, new RegExp(name));
    expect(c?.id, "a container without its device").toBeUndefined();
  },
});
