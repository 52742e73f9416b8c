// The simulated engine behind a socket, which can be ended and started again over the same machine.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFakeRuntime } from "@keelson/fake-runtime";
import type { Engine, StateStore } from "@keelson/runtime-core/ports";
import { createMemoryStore, createSimulatedWorld } from "@keelson/runtime-core/sim";
import { defaultImages } from "../src/target.ts";
import type { OpenTarget } from "./conformance-suite.ts";
import { targetCapabilities } from "./target-capabilities.ts";

/** A call that runs is cut off soon, as by a kill. */
const drainMs = 20;

/** One runtime handler beside the default one. */
const script = { handlers: ["second"] };

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
  const start = () => startFakeRuntime({ world, store: store(), script, endpoint, drainMs, wrapEngine });
  let runtime = await start();
  return {
    target: {
      endpoint,
      images: defaultImages,
      has: targetCapabilities.simulated,
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
