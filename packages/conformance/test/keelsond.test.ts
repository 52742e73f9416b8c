import { linuxGate } from "../../../scripts/linux-gate.ts";
import { conformanceSuite } from "./conformance-suite.ts";
import { openKeelsondTarget } from "./keelsond-target.ts";

conformanceSuite("keelsond", openKeelsondTarget, { skip: linuxGate.skip });
