// One gate for every test that needs Linux, root and the container tools.
import process from "node:process";
import { readLinuxFacts } from "../apps/cli/src/demo/linux-facts.ts";
import { whySimulated } from "../apps/cli/src/demo/why-simulated.ts";

const reason = whySimulated(readLinuxFacts());
if (reason !== undefined && process.env.KEELSON_REQUIRE === "linux") {
  throw new Error(`KEELSON_REQUIRE=linux, but no container can be started here: ${reason}`);
}

/** `describe.skipIf(linuxGate.skip)`; with KEELSON_REQUIRE=linux a missing Linux part fails instead. */
export const linuxGate: { readonly skip: boolean; readonly reason: string | undefined } = {
  skip: reason !== undefined,
  reason,
};
