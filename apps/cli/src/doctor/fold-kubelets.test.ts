import { expect, it } from "vitest";
import { both, factsOf, failed, neither, v1alpha2Only } from "../../test/harness/endpoint-facts.ts";
import { foldKubelets, startingKubelets } from "./fold-kubelets.ts";
import { judgeKubelets } from "./judge-kubelets.ts";

it("foldKubelets() makes one row of neighbours that differ in nothing", () => {
  const ranges = foldKubelets(judgeKubelets(factsOf({ runtime: both, image: both }))).map(({ range }) => range);
  expect(ranges).toEqual(["1.22", "1.23 – 1.30", "1.31 – 1.37"]);
});

it.each([
  [["1.22 – 1.25"], factsOf({ runtime: both, image: v1alpha2Only })],
  [["1.22"], factsOf({ runtime: both, image: { ...both, v1: failed("broken") } })],
  [["1.23 – 1.30"], factsOf({ cgroupDriver: failed("broken") })],
  [["1.22 – 1.25"], factsOf({ runtime: v1alpha2Only, image: neither })],
  [[], factsOf({ runtime: neither, image: neither })],
])("startingKubelets() are %j", (ranges, facts) => {
  expect(startingKubelets(judgeKubelets(facts))).toEqual(ranges);
});
