import type { ContainerConfig } from "@keelson/cri-api/v1";
import type { Clock, Engine, EngineObserver } from "../ports/index.ts";
import { containerScript } from "./container-script.ts";
import type { ContainerTools } from "./container-steps.ts";
import { createContainers } from "./containers.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createImages } from "./images.ts";
import type { LogSink } from "./logs.ts";
import { createMetrics } from "./metrics.ts";
import { createNode } from "./node.ts";
import { reconcile } from "./reconcile.ts";
import { createSandboxes } from "./sandboxes.ts";
import { type ContainerScript, parseScript, type Script } from "./script.ts";
import { createStats } from "./stats.ts";
import { turn } from "./turn.ts";
import { createSimulatedWorld, type SimulatedWorld, type WorldEvent } from "./world.ts";

export interface SimulatedEngineOptions {
  readonly clock: Clock;
  readonly logs: LogSink;
  /** Default: the conformance suite's images, and containers that run until they are stopped. */
  readonly script?: Script;
  /** The machine. Default: a new one. Give the next engine the same to see what a restart of the runtime finds. */
  readonly world?: SimulatedWorld;
  /** Default: nothing fails. */
  readonly faults?: Faults;
  /** Hears of what failed with nobody to tell: a log that can't be written, an end that could not be recorded. */
  readonly onError?: (error: unknown) => void;
}

/**
 * An engine that keeps CRI's promises in memory, for tests of what stands above it. Containers follow scripts, which
 * are data; no process is started and no file written (log lines go to `logs`).
 *
 * It is no kinder than a real one: images have to be pulled, everything takes its turns, operations overlap, ends come
 * later than signals, and calls out of order are refused. Security settings are recorded and shown in `inspect`.
 * @throws INVALID_ARGUMENT for a script with mistakes
 * @example
 * ```ts
 * const engine = createSimulatedEngine({ clock: createManualClock(), logs: createMemoryLogs() });
 * ```
 */
export function createSimulatedEngine(options: SimulatedEngineOptions): Engine {
  const { clock, logs, world = createSimulatedWorld(), faults = createFaults() } = options;
  const onError = options.onError ?? ((error: unknown): void => console.error(error));
  const script = parseScript(options.script ?? {});
  const life = world.enter();
  const { handlers, dualStack, networkOutage } = script;
  const sandboxTools = { life, faults, handlers, dualStack, networkOutage };
  const scriptOf = (config: ContainerConfig): ContainerScript => containerScript(config, script);
  const containerTools: ContainerTools = { life, faults, clock, logs, onError, scriptOf };

  return {
    node: createNode({ handlers, networkOutage }),
    sandboxes: createSandboxes(sandboxTools),
    containers: createContainers(containerTools),
    images: createImages({ life, script, clock, faults }),
    metrics: createMetrics({ life, clock }),
    stats: createStats({ life, clock, faults, onError }),
    async reconcile(found, observer) {
      const tell = (event: WorldEvent): void => void deliver(event, observer).catch(onError);
      const early: WorldEvent[] = [];
      life.listen((event) => early.push(event));
      const verdicts = await reconcile(found, { life, sandbox: sandboxTools, container: containerTools });
      life.listen(tell);
      void turn().then(() => {
        // an end that a verdict tells is told, and a start that was reverted has none
        for (const event of early) {
          const { kind = "same" } = verdicts.containers.get(event.id) ?? {};
          if (kind === "same" || kind === "running") tell(event);
        }
      });
      return verdicts;
    },
    async close() {
      life.leave();
    },
  };
}

async function deliver(event: WorldEvent, observer: EngineObserver): Promise<void> {
  if (event.kind === "exited") await observer.containerExited(event.id, event.exit);
  else await observer.sandboxLost(event.id, event.why);
}
