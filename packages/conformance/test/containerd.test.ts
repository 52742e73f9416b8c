// `npm test` takes one area at Debian bookworm's containerd 1.6, KEELSON_PEERS=all takes all cases, and KEELSON_LONG besides
// it those of all generations that speak CRI v1.
import { peers, served, suites } from "../../cri-client/test/peers/harness/peers.ts";
import { conformanceSuite } from "./conformance-suite.ts";
import { openContainerdTarget } from "./containerd-target.ts";

for (const suite of suites.filter((one) => served[one].includes("v1"))) {
  conformanceSuite(`containerd of Debian ${suite}`, () => openContainerdTarget(suite), {
    skip: !peers.has(suite) || (suite !== "bookworm" && process.env.KEELSON_LONG === undefined),
    ...(process.env.KEELSON_PEERS === "all" ? {} : { only: "life-cycle" }),
  });
}
