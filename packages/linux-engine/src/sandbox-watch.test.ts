import { create } from "@bufbuild/protobuf";
import { PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import type { SandboxRecord } from "@keelson/runtime-core/ports";
import { expect, it } from "vitest";
import { SandboxWatch } from "./sandbox-watch.ts";

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function record(id: string): SandboxRecord {
  return { id, config: create(PodSandboxConfigSchema), runtimeHandler: "", createdAtNs: 1n, steps: [] };
}

it("SandboxWatch tells each loss once, and goes on past a sandbox that it cannot look at", async () => {
  const told: string[] = [];
  let rounds = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const watch = new SandboxWatch({
    intervalMs: 1,
    log,
    whyNotWhole: async ({ id }) => {
      if (id === "broken") throw new Error("cannot look");
      if (id === "whole" && ++rounds === 3) resolve();
      return id === "lost" || id === "dropped" ? "its pin is gone" : undefined;
    },
  });
  for (const id of ["broken", "lost", "dropped", "whole"]) watch.add(record(id));
  watch.drop("dropped");
  watch.observe({
    containerExited: async () => {},
    sandboxLost: async (id, why) => void told.push(`${id}: ${why}`),
  });
  await promise;
  await watch.close();
  expect(told).toEqual(["lost: its pin is gone"]);
});

it("SandboxWatch looks at once when the process of a sandbox has ended, unless that is dropped", async () => {
  const ends = new Map<string, () => void>();
  const closed: string[] = [];
  const told = Promise.withResolvers<string>();
  const watch = new SandboxWatch({
    intervalMs: 1_000_000,
    log,
    whyNotWhole: async () => "its process has ended",
    processOf: ({ id }) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      ends.set(id, resolve);
      const close = (): void => void closed.push(id);
      const handle = { pid: 1, startTime: 1, exited: promise, signal: () => true, isRunning: () => true, close };
      return { ...handle, unref: () => {}, [Symbol.dispose]: close };
    },
  });
  for (const id of ["dropped", "ended", "lives"]) watch.add(record(id));
  watch.observe({ containerExited: async () => {}, sandboxLost: async (id, why) => told.resolve(`${id}: ${why}`) });
  watch.drop("dropped");
  ends.get("dropped")?.();
  ends.get("ended")?.();
  expect(await told.promise).toBe("ended: its process has ended");
  await watch.close();
  expect(closed).toEqual(["dropped", "ended", "lives"]);
});

it("SandboxWatch that was closed before it began does not begin", async () => {
  let looks = 0;
  const options = { intervalMs: 1, log };
  const closed = new SandboxWatch({
    ...options,
    whyNotWhole: async () => {
      looks++;
      return undefined;
    },
  });
  let rounds = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const open = new SandboxWatch({
    ...options,
    whyNotWhole: async () => {
      if (++rounds === 5) resolve();
      return undefined;
    },
  });
  for (const watch of [closed, open]) watch.add(record("a"));
  await closed.close();
  for (const watch of [closed, open]) watch.observe({ containerExited: async () => {}, sandboxLost: async () => {} });
  await promise;
  await open.close();
  expect(looks).toBe(0);
});
