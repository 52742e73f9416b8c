import { conformanceSuite } from "./conformance-suite.ts";
import { openSimulatedTarget } from "./simulated-target.ts";

conformanceSuite("the simulated engine", openSimulatedTarget);
