import type { AnyStep, Json, Task } from "../ports/index.ts";
import { step } from "../ports/index.ts";
import type { Faults } from "./faults.ts";

export interface StepTools {
  readonly faults: Faults;
}

/** A step on the simulated machine: its effect is one write, so that it takes no time of its own. */
export interface SimulatedStep<Subject, Tools> {
  readonly name: string;
  readonly heldUntil: "stop" | "remove";
  readonly durable?: boolean;
  plan(subject: Subject, tools: Tools): StepPlan | undefined;
  apply(plan: StepPlan, tools: Tools): Json | Promise<Json>;
  revert(plan: StepPlan, tools: Tools): void;
}

/** What every plan says: whose effect it is. */
export interface StepPlan {
  readonly owner: string;
  readonly [key: string]: Json;
}

/** Makes a step that takes its time, as on a real machine, and that a test can hold or fail at its {@link FaultPoint}s. */
export function simulatedStep<Subject, Tools extends StepTools>(
  definition: SimulatedStep<Subject, Tools>,
): AnyStep<Subject, Tools> {
  const { name } = definition;
  return step<Subject, Tools, StepPlan, Json>({
    name,
    heldUntil: definition.heldUntil,
    durable: definition.durable ?? false,
    plan: (subject, tools) => definition.plan(subject, tools),
    async apply(plan, tools, task: Task) {
      await tools.faults.reach(`${name}.apply`, task.signal);
      const facts = await definition.apply(plan, tools);
      await tools.faults.reach(`${name}.applied`, task.signal);
      return facts;
    },
    async revert(plan, _facts, tools) {
      await tools.faults.reach(`${name}.revert`);
      definition.revert(plan, tools);
    },
  });
}
