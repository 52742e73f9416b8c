// The simulated engine behind a socket, which can be ended and started again over the same machine.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFakeRuntime } from "@keelson/fake-runtime";
import type { Engine, StateStore } from "@keelson/runtime-core/ports";
import { createMemoryStore, createSimulatedWorld, type Script } from "@keelson/runtime-core/sim";
import { defaultImages, type OwnImages } from "../src/target.ts";
import type { OpenTarget } from "./conformance-suite.ts";
import { targetCapabilities } from "./target-capabilities.ts";

/** A call that runs is cut off soon, as by a kill. */
const drainMs = 20;

/** One runtime handler beside the default one, and addresses of both families. */
const script: Script = { handlers: ["second"], dualStack: true };
const outage = "the network was taken away";

/** `wrapEngine` stands between core and engine in each of its lives. */
export async function openSimulatedTarget(
  wrapEngine: (engine: Engine) => Engine = (engine) => engine,
): Promise<OpenTarget> {
  const world = createSimulatedWorld();
  let disk = createMemoryStore();
  // what is on the disk stays when the runtime closes it
  const store = (): StateStore => ({ ...disk, close: async () => undefined });
  const folder = await mkdtemp(join(tmpdir(), "keelson-simulated-"));
  const endpoint = `unix://${join(folder, "cri.sock")}`;
  const start = (more: Script = {}) =>
    startFakeRuntime({ world, store: store(), script: { ...script, ...more }, endpoint, drainMs, wrapEngine });
  let runtime = await start();
  return {
    target: {
      endpoint,
      images: { ...defaultImages, own: ownImages },
      has: targetCapabilities.simulated,
      async withoutNetwork(during) {
        await runtime.close();
        runtime = await start({ networkOutage: outage });
        await during().finally(async () => {
          await runtime.close();
          runtime = await start();
        });
      },
      async restart(signal, meanwhile) {
        if (signal === "SIGKILL") disk = disk.crash();
        await runtime.close();
        await (meanwhile?.() ?? Promise.resolve()).finally(async () => {
          runtime = await start();
        });
      },
    },
    async close() {
      await runtime.close();
      await world.reboot();
      await rm(folder, { recursive: true });
    },
  };
}

/** As the simulated engine has them. */
const ownImages: OwnImages = {
  withUser: { image: "registry.example/conformance/with-user:1", username: "reader", password: "of images" },
  elsewhere: "elsewhere.example/conformance/with-user:1",
  withToken: {
    image: "registry.example/conformance/with-token:1",
    identityToken: "identity-of-a-reader",
    registryToken: "access-of-a-reader",
  },
  annotated: {
    image: "registry.example/conformance/annotated:1",
    annotations: { "org.opencontainers.image.title": "annotated" },
  },
  pinned: "registry.example/conformance/pinned:1",
};
