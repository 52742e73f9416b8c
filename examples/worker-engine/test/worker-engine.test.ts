import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultImages, openSession, selectCases } from "@keelson/conformance";
import { serveCri } from "@keelson/cri-server";
import { createCore, createSystemClock, silentLog } from "@keelson/runtime-core";
import { createMemoryStore } from "@keelson/runtime-core/sim";
import { expect, test } from "vitest";
import { createWorkerEngine } from "../src/worker-engine.ts";

const module = new URL("../src/scripted.ts", import.meta.url);
const references = [defaultImages.busybox, ...defaultImages.tags, defaultImages.userNumber, defaultImages.userName];
/** What does not depend on layers, users, files and processes, which a thread has not. */
const areas = ["life-cycle", "idempotence", "identifiers", "concurrency", "errors", "events"];
/** It makes a sandbox before anybody can give up on it. */
const tooQuick = "concurrency/RunPodSandbox that the caller gave up on";
/** What the engine says of the rest of that. */
const refused = /a thread can't keep it|a thread runs one program|UNIMPLEMENTED/;

test("an engine of one file passes every case whose requests it takes", { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "keelson-worker-"));
  const clock = createSystemClock();
  const engine = createWorkerEngine({ clock, programs: references.map((reference) => ({ reference, module })) });
  const core = createCore({ engine, store: createMemoryStore(), clock, log: silentLog, runtimeVersion: "0.0.0" });
  await core.start();
  const server = await serveCri({ endpoint: join(folder, "cri.sock"), core, log: silentLog });
  const session = await openSession({ endpoint: server.endpoint, images: defaultImages, has: [] });
  try {
    const cases = areas.flatMap((area) => selectCases(area)).filter(({ id }) => !id.startsWith(tooQuick));
    const passed: string[] = [];
    const failed: string[] = [];
    await Promise.all(
      cases.map(async ({ id, one }) => {
        const { result, reason, transcript } = await session.run(one);
        if (result === "passed") passed.push(id);
        else if (result === "failed" && !refused.test([reason, ...transcript].join("\n"))) {
          failed.push([id, reason, ...transcript].join("\n"));
        }
      }),
    );
    expect(failed.join("\n\n")).toBe("");
    expect(passed.length).toBeGreaterThan(40);
  } finally {
    await session.close();
    await server.close();
    await core.close();
    await rm(folder, { recursive: true });
  }
});
