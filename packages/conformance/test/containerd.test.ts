// `npm test` takes one area at Debian bookworm's containerd 1.6; KEELSON_PEERS=all takes all cases there and at sid's 2.x.
import { peers, suites } from "../../cri-client/test/peers/harness/peers.ts";
import { conformanceSuite } from "./conformance-suite.ts";
import { openContainerdTarget } from "./containerd-target.ts";

for (const suite of suites.filter((one) => one === "bookworm" || one === "sid")) {
  conformanceSuite(`containerd of Debian ${suite}`, () => openContainerdTarget(suite), {
    skip: !peers.has(suite),
    ...(process.env.KEELSON_PEERS === "all" ? {} : { only: "life-cycle" }),
  });
}
