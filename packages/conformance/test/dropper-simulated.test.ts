// What the cases say they cover, at the simulated engine.
import { describe, expect, it } from "vitest";
import { expect as wants } from "../src/assert/expect.ts";
import { defineCase } from "../src/case.ts";
import { countsOf, type DropperOptions, tryClaims } from "./dropper-suite.ts";
import { droppingEngine, type Loss } from "./dropping-engine.ts";
import { openSimulatedTarget } from "./simulated-target.ts";

const simulated: DropperOptions = {
  engine: "simulated",
  async open() {
    let loss: Loss | undefined;
    const opened = await openSimulatedTarget((engine) => droppingEngine(engine, { loss: () => loss, fromInfo: true }));
    return {
      ...opened,
      async lose(what) {
        loss = what;
      },
    };
  },
  targets: 8,
  concurrency: 4,
  waitMs: 2_000,
  timeoutMs: 30_000,
  unseen: {
    "SYSTEMD, its answer, is what is read where nothing stands": ["LinuxRuntimeConfiguration.cgroup_driver"],
  },
};

describe("a case that covers a field", () => {
  it("fails when the field is lost, at the simulated engine", { timeout: 300_000 }, async () => {
    const dropped = await tryClaims(simulated);
    console.info(countsOf("simulated engine", dropped));
    const { survivors } = dropped;
    expect(survivors, survivors.join("\n")).toEqual([]);
  });

  it("is told by name when it only reads back what the core has heard, or waits for nothing", {
    timeout: 60_000,
  }, async () => {
    const field = "LinuxContainerResources.cpu_quota";
    const told = defineCase({
      name: "told",
      cites: "a test",
      covers: [field, "StopContainerRequest.timeout"],
      async run({ pod }) {
        const c = await pod.create({ resources: { cpuQuota: 20_000n } });
        wants((await c.status()).resources?.linux?.cpuQuota).toBe(20_000n);
        await c.stop(3);
      },
    });
    const fails = defineCase({ name: "fails", cites: "a test", covers: [], run: async () => wants(1).toBe(2) });
    const cases = [told, fails].map((one) => ({ id: `status/${one.name}`, area: "status" as const, one }));
    expect(await tryClaims({ ...simulated, targets: 1, cases })).toEqual({
      fields: 2,
      tried: 2,
      noticed: 0,
      refused: 0,
      survivors: [
        `${field} (lost at port): status/told: passed`,
        "StopContainerRequest.timeout (lost at request): status/told: passed",
        "nothing lost: status/fails: failed by expectation want 2, got 1",
      ],
    });
  });
});
