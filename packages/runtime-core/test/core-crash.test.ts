import { ContainerState } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import type { StateStore } from "../src/ports/index.ts";
import type { MemoryStore } from "../src/sim/index.ts";
import { type CoreHarness, containerConfig, openCore, podConfig } from "./core-harness.ts";

/** A store whose writes fail from the n-th on, so many times. */
const failing =
  (from: number, times: number, onWrite: () => void = () => {}) =>
  (store: MemoryStore): StateStore => {
    let writes = 0;
    const count = (): void => {
      writes++;
      onWrite();
      if (writes >= from && writes < from + times) throw new Error("the disk is gone");
    };
    return {
      ...store,
      async put(key, value) {
        count();
        await store.put(key, value);
      },
      async delete(key) {
        count();
        await store.delete(key);
      },
    };
  };

/** A pod's whole life, as far as it gets. */
async function live(harness: CoreHarness): Promise<void> {
  await inTime(harness, pod(harness));
}

async function pod({ runtime }: CoreHarness): Promise<void> {
  const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
  const { containerId } = await runtime.createContainer({ podSandboxId, config: containerConfig() });
  await runtime.startContainer({ containerId });
  await runtime.stopContainer({ containerId, timeout: 10n });
  await runtime.removeContainer({ containerId });
  await runtime.stopPodSandbox({ podSandboxId });
  await runtime.removePodSandbox({ podSandboxId });
}

async function removeAll(harness: CoreHarness): Promise<void> {
  await inTime(harness, everything(harness));
}

/** Lets the time pass until it is done: what waits for a retry or for a kill does not hang. */
async function inTime({ clock }: CoreHarness, work: Promise<void>): Promise<void> {
  let done = false;
  const end = (): void => {
    done = true;
  };
  work.then(end, end);
  while (!done) await clock.advance(1000);
  await work;
}

async function everything({ runtime }: CoreHarness): Promise<void> {
  for (const { id } of (await runtime.listPodSandbox({})).items) await runtime.removePodSandbox({ podSandboxId: id });
  for (const { id } of (await runtime.listContainers({})).containers)
    await runtime.removeContainer({ containerId: id });
}

const afterAll = 1000;

async function countWrites(): Promise<number> {
  let writes = 0;
  const counting = failing(afterAll, 1, () => writes++);
  await live(await openCore({ through: counting }));
  return writes;
}

/** Each on a machine of its own, so all at once. */
async function atEach(writes: number, run: (at: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: writes }, (_, index) => run(index + 1)));
}

describe("a runtime that is killed at any write of a pod's life", () => {
  it("leaves nothing that its next life can't account for and remove", async () => {
    const writes = await countWrites();
    expect(writes).toBeGreaterThan(15);
    await atEach(writes, async (at) => {
      const before = await openCore({ through: failing(at, afterAll) });
      await expect(live(before), `killed at write ${at}`).rejects.toThrow();
      const after = await openCore({ world: before.world, clock: before.clock, store: before.store.crash() });
      for (const { state } of (await after.runtime.listContainers({})).containers) {
        expect([
          ContainerState.CONTAINER_CREATED,
          ContainerState.CONTAINER_RUNNING,
          ContainerState.CONTAINER_EXITED,
        ]).toContain(state);
      }
      await removeAll(after);
      expect(after.world.leftovers(), `killed at write ${at}`).toEqual([]);
      await live(after);
      expect((await after.store.load()).size, `killed at write ${at}`).toBe(0);
    });
  });
});

describe("a runtime whose disk fails at one write of a pod's life", () => {
  it("goes on, and what is left can be removed", async () => {
    const writes = await countWrites();
    await atEach(writes, async (at) => {
      const harness = await openCore({ through: failing(at, 1) });
      // what fails may be one that nobody waits for, as the record of an end
      await live(harness).catch(() => {});
      await removeAll(harness);
      expect(harness.world.leftovers(), `failed at write ${at}`).toEqual([]);
      expect((await harness.store.load()).size, `failed at write ${at}`).toBe(0);
      await live(harness);
    });
  });
});
