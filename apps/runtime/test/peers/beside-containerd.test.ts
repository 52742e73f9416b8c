// The same calls to keelsond and to Debian's containerd 1.6: what they answer is equal, but for the exceptions that the
// scenarios name. docs/reference/crictl.md has the table. KEELSON_PEERS=all switches it on.
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { peers } from "../../../../packages/cri-client/test/peers/harness/peers.ts";
import { everyControllerIsMounted } from "../../../../packages/cri-client/test/peers/harness/pod-cgroup.ts";
import { readBlock } from "../../../../scripts/generated-block.ts";
import { openSides, type Sides } from "./open-sides.ts";
import { endFile, restartScenarios } from "./restart-scenarios.ts";
import type { Scenario } from "./scenario.ts";
import { crictlPage, plainScenarios, scenarioTable } from "./scenarios.ts";
import { differences, type Told } from "./told.ts";

const absent = process.env.KEELSON_PEERS !== "all" || !peers.has("bookworm");

describe.skipIf(absent)("keelsond beside containerd 1.6", { timeout: 120_000 }, () => {
  let sides: Sides;
  let controllers: boolean;
  const told = new Map<Scenario, readonly [ours: () => Promise<Told>, theirs: () => Promise<Told>]>();
  const play = async (one: Scenario): Promise<void> => {
    told.set(one, [await one.play(sides.ours), await one.play(sides.theirs)]);
  };
  const compare = async (one: Scenario): Promise<void> => {
    const [ask, askThem] = told.get(one) ?? [];
    if (ask === undefined || askThem === undefined) throw new Error(`"${one.name}" was not played`);
    const [ours, theirs] = [await ask(), await askThem()];
    const exceptions = one.exception?.fields ?? [];
    for (const field of one.tells) if (!exceptions.includes(field)) expect(ours[field], field).toEqual(theirs[field]);
    expect(differences(ours, theirs)).toEqual(exceptions);
  };
  beforeAll(async () => {
    controllers = await everyControllerIsMounted();
    sides = await openSides();
  }, 120_000);
  afterAll(() => sides?.close(), 120_000);
  // one after the other they would make a long end
  const clear = (): Promise<unknown> => Promise.all([sides.ours.clear(), sides.theirs.clear()]);

  it.for(plainScenarios.map((one) => [one.name, one] as const))("%s", async ([, one], context) => {
    if (one.needsControllers === true && !controllers) context.skip("a cgroup controller is mounted nowhere");
    await play(one);
    await compare(one);
    await clear();
  });

  describe("after a restart of both", () => {
    beforeAll(async () => {
      for (const one of restartScenarios) await play(one);
      const { ours, theirs } = sides;
      await ours.restart(() => theirs.restart(() => writeFile(endFile(ours.host), "")));
    }, 120_000);
    afterAll(clear, 120_000);

    it.for(restartScenarios.map((one) => [one.name, one] as const))("%s", ([, one]) => compare(one));
  });
});

it("docs/reference/crictl.md has these scenarios and their exceptions", async () => {
  const page = await readFile(crictlPage, "utf8");
  expect(readBlock(page, "scenarios")).toBe(scenarioTable());
});
