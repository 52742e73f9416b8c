// What the cases say they cover, at the simulated engine.
import { expect, it } from "vitest";
import { tryClaims } from "./dropper-suite.ts";
import { droppingEngine, type Loss } from "./dropping-engine.ts";
import { openSimulatedTarget } from "./simulated-target.ts";

it("a case that covers a field fails when the field is lost, at the simulated engine", {
  timeout: 300_000,
}, async () => {
  const { fields, tried, noticed, survivors } = await tryClaims({
    engine: "simulated",
    async open() {
      let loss: Loss | undefined;
      const opened = await openSimulatedTarget((engine) =>
        droppingEngine(engine, { loss: () => loss, fromInfo: true }),
      );
      return {
        ...opened,
        async lose(what) {
          loss = what;
        },
      };
    },
    targets: 6,
    concurrency: 4,
    waitMs: 3_000,
    timeoutMs: 30_000,
    unseen: {
      "SYSTEMD, its answer, is what is read where nothing stands": ["LinuxRuntimeConfiguration.cgroup_driver"],
    },
  });
  console.info(`simulated engine: ${noticed} of ${tried} claims on ${fields} fields are true`);
  expect(survivors, survivors.join("\n")).toEqual([]);
});
