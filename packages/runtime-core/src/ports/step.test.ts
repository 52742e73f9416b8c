import { isCriError } from "@keelson/cri-api/errors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Journal } from "./journal.ts";
import type { Json } from "./json.ts";
import type { StepRecord } from "./records.ts";
import { type AnyStep, applySteps, createFailure, LeftBehind, revertSteps, step } from "./step.ts";
import type { Task } from "./task.ts";

/** A journal in memory that also writes down the order of everything. */
class TestJournal implements Journal {
  steps: readonly StepRecord[] = [];
  readonly events: string[] = [];
  async plan(name: string, plan: Json): Promise<void> {
    this.events.push(`plan ${name}`);
    this.steps = [...this.steps, { name, plan }];
  }
  async facts(name: string, facts: Json): Promise<void> {
    this.events.push(`facts ${name}`);
    this.steps = this.steps.map((one) => (one.name === name ? { ...one, facts } : one));
  }
  async forget(name: string): Promise<void> {
    this.events.push(`forget ${name}`);
    this.steps = this.steps.filter((one) => one.name !== name);
  }
  async flush(): Promise<void> {
    this.events.push("flush");
  }
}

interface World {
  readonly made: Set<string>;
  readonly failApply?: string;
  readonly failRevert?: ReadonlySet<string>;
}

const make = (name: string, options: { held?: "stop" | "remove"; durable?: boolean } = {}): AnyStep<string, World> =>
  step<string, World, { thing: string }, { at: string }>({
    name,
    heldUntil: options.held ?? "remove",
    durable: options.durable ?? false,
    plan: (subject, _, earlier) => (earlier.has("skip-rest") ? undefined : { thing: `${subject}/${name}` }),
    async apply(plan, world) {
      world.made.add(plan.thing);
      if (world.failApply === name) throw new Error(`${name} broke`);
      return { at: plan.thing };
    },
    async revert(plan, _facts, world) {
      if (world.failRevert?.has(name)) throw new Error("busy");
      world.made.delete(plan.thing);
    },
  });

const task: Task = { signal: new AbortController().signal, stage: () => {} };

describe("applySteps()", () => {
  it("commits each plan before its effect and the facts after it, and flushes before a durable one", async () => {
    const journal = new TestJournal();
    const world: World = { made: new Set() };
    const steps = [make("a"), make("b", { durable: true })];
    const facts = await applySteps({ steps, subject: "s", tools: world, journal, task });
    expect(journal.events).toEqual(["plan a", "facts a", "plan b", "flush", "facts b"]);
    expect([...facts]).toEqual([
      ["a", { at: "s/a" }],
      ["b", { at: "s/b" }],
    ]);
  });

  it("reverts everything, also the step that failed half way, and throws its error", async () => {
    const journal = new TestJournal();
    const world: World = { made: new Set(), failApply: "b" };
    const steps = [make("a"), make("b"), make("c")];
    await expect(applySteps({ steps, subject: "s", tools: world, journal, task })).rejects.toThrow("b broke");
    expect(world.made).toEqual(new Set());
    expect(journal.steps).toEqual([]);
  });

  it("says what was left when a revert fails too, keeps it recorded, and goes on with the others", async () => {
    const journal = new TestJournal();
    const world: World = { made: new Set(), failApply: "c", failRevert: new Set(["b"]) };
    const failed = applySteps({ steps: [make("a"), make("b"), make("c")], subject: "s", tools: world, journal, task });
    const error: unknown = await failed.then(undefined, (one: unknown) => one);
    expect(error).toBeInstanceOf(LeftBehind);
    expect((error as LeftBehind).left).toEqual(["b: busy"]);
    expect(journal.steps.map((one) => one.name)).toEqual(["b"]);
    const shown = createFailure(error);
    expect(isCriError(shown, "INTERNAL") && shown.message).toBe("c broke; could not revert b: busy");
  });

  it("stops at the next step when nobody wants the result any more", async () => {
    const journal = new TestJournal();
    const world: World = { made: new Set() };
    const gone: Task = { signal: AbortSignal.abort(new Error("nobody waits")), stage: () => {} };
    await expect(applySteps({ steps: [make("a")], subject: "s", tools: world, journal, task: gone })).rejects.toThrow(
      "nobody waits",
    );
    expect(journal.events).toEqual([]);
  });
});

describe("revertSteps()", () => {
  it("until stop gives back only what is held until then", async () => {
    const journal = new TestJournal();
    const world: World = { made: new Set() };
    const steps = [make("a"), make("b", { held: "stop" }), make("c")];
    await applySteps({ steps, subject: "s", tools: world, journal, task });
    expect(await revertSteps({ steps, tools: world, journal, until: "stop" })).toEqual([]);
    expect(world.made).toEqual(new Set(["s/a", "s/c"]));
    expect(journal.events.slice(-1)).toEqual(["forget b"]);
  });

  it("is safe to run from any crash: whatever was recorded, nothing is left and nothing else is touched", async () => {
    const names = ["a", "b", "c", "d"];
    const steps = names.map((name) => make(name));
    await fc.assert(
      fc.asyncProperty(fc.nat(names.length * 2), async (commits) => {
        // a crash after this many commits: the steps before are whole, the one at hand was perhaps made
        const world: World = { made: new Set(["other/a"]) };
        const journal = new TestJournal();
        for (const [index, name] of names.entries()) {
          if (commits <= index * 2) break;
          await journal.plan(name, { thing: `s/${name}` });
          if (index % 2 === 0 || commits > index * 2 + 1) world.made.add(`s/${name}`);
          if (commits > index * 2 + 1) await journal.facts(name, { at: `s/${name}` });
        }
        expect(await revertSteps({ steps, tools: world, journal, until: "remove" })).toEqual([]);
        expect(world.made).toEqual(new Set(["other/a"]));
        expect(journal.steps).toEqual([]);
      }),
    );
  });
});
