import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { CleanupStack } from "@keelson/lifecycle";
import { watchInterrupts } from "../interrupts.ts";
import { printable } from "../output/printable.ts";
import type { DemoRuntime } from "./demo-runtime.ts";
import { readLinuxFacts } from "./linux-facts.ts";
import { startLinuxRuntime } from "./linux-runtime.ts";
import { onePod } from "./one-pod.ts";
import { startSimulatedRuntime } from "./simulated-runtime.ts";
import { Story } from "./story.ts";
import { whySimulated } from "./why-simulated.ts";

/**
 * Tells one pod's life, from an empty node to an empty node, on a runtime of its own. Leaves nothing behind, also when
 * it is interrupted.
 * @returns the exit code
 */
export async function demo(): Promise<number> {
  const simulated = whySimulated(readLinuxFacts());
  const story = new Story(process.stdout);
  story.title("One pod's life, from an empty node to an empty node");
  if (simulated !== undefined) story.warn(`SIMULATED: no container was started (${simulated})`);
  const interrupts = watchInterrupts();
  const signal = interrupts.stop;
  await using cleanup = new CleanupStack();
  cleanup.defer("the signals", () => interrupts[Symbol.dispose]());
  let runtime: DemoRuntime | undefined;
  try {
    const folder = await mkdtemp(join(tmpdir(), "keelson-demo-"));
    cleanup.defer("the folder", () => rm(folder, { recursive: true, force: true }));
    story.chapter("A node");
    const start = simulated === undefined ? startLinuxRuntime : startSimulatedRuntime;
    const started = await start({ folder, story, signal });
    runtime = started;
    cleanup.defer("the runtime", () => started.close());
    await onePod({ story, runtime, logDirectory: join(folder, "logs"), signal });
    await story.stage("stop the node", async () => {
      await cleanup.close();
      return "no process, mount, link or file is left";
    });
    story.end();
    return 0;
  } catch (error) {
    if (interrupts.exitCode !== undefined) {
      await story.stage("interrupted: clear up", () => cleanup.close());
      return interrupts.exitCode;
    }
    // its log goes with its folder
    for (const line of runtime?.lastWords() ?? []) process.stderr.write(`  │ ${printable(line).slice(0, 400)}\n`);
    throw error;
  }
}
