import { describe, expect, test } from "vitest";
import type { ContainerRecord, Engine, Journal, SandboxRecord } from "../src/ports/index.ts";
import {
  createFaults,
  createManualClock,
  createMemoryLogs,
  createSimulatedEngine,
  createSimulatedWorld,
} from "../src/sim/index.ts";
import { endsOf, freeTask, type Made, makeContainer, memoryJournal, openEngine, sandboxRecord } from "./sim-fixture.ts";

/** A started container of a first life, and what a second life needs. */
async function firstLife(script?: { readonly exit: { readonly code: number; readonly afterMs: number } }) {
  const first = await openEngine();
  const made = await makeContainer(first.engine, "a", script);
  const started = await first.engine.containers.start(made.record, made.sandbox, made.journal, freeTask());
  const record: ContainerRecord = {
    ...made.record,
    facts: { mounts: [] },
    started,
    steps: made.journal.steps,
  };
  return { ...first, made, record };
}

function secondEngine(first: Awaited<ReturnType<typeof openEngine>>): Engine {
  return createSimulatedEngine({ clock: first.clock, logs: first.logs, faults: first.faults, world: first.world });
}

const foundSandbox = ({ sandbox }: Made) => ({ record: sandbox, journal: memoryJournal(sandbox.steps) });
const foundContainer = (record: ContainerRecord, journal: Journal) => ({ record, journal });

describe("a restart of the runtime", () => {
  test("adopts what runs and hears of its end", async () => {
    const first = await firstLife({ exit: { code: 5, afterMs: 1000 } });
    const engine = secondEngine(first);
    const ends = endsOf();
    const verdicts = await engine.reconcile(
      { sandboxes: [foundSandbox(first.made)], containers: [foundContainer(first.record, first.made.journal)] },
      ends.observer,
    );
    expect(verdicts.containers.get("a")).toEqual({ kind: "running", started: first.record.started });
    expect(verdicts.sandboxes.get(first.made.sandbox.id)).toEqual({ kind: "same" });
    await first.clock.advance(1000);
    expect((await ends.until("a")).code).toBe(5);
    expect(first.ends.told).toEqual([]);
  });

  test("sees an end of the time between, with its code and time", async () => {
    const first = await firstLife({ exit: { code: 7, afterMs: 1000 } });
    await first.engine.close();
    await first.clock.advance(5000);
    const endedAtNs = (first.record.started?.startedAtNs ?? 0n) + 1_000_000_000n;
    const ends = endsOf();
    const verdicts = await secondEngine(first).reconcile(
      { sandboxes: [foundSandbox(first.made)], containers: [foundContainer(first.record, first.made.journal)] },
      ends.observer,
    );
    expect(verdicts.containers.get("a")).toMatchObject({ kind: "exited", exit: { code: 7, finishedAtNs: endedAtNs } });
    await first.clock.advance(0);
    expect([first.ends.told, ends.told]).toEqual([[], []]);
  });

  test("removes what no record names, and lets the old engine touch nothing", async () => {
    const first = await firstLife();
    const engine = secondEngine(first);
    const verdicts = await engine.reconcile({ sandboxes: [], containers: [] }, endsOf().observer);
    expect([verdicts.sandboxes.size, verdicts.containers.size]).toEqual([0, 0]);
    expect(first.world.leftovers()).toEqual([]);
    const old = first.engine.sandboxes.create(sandboxRecord("late"), memoryJournal(), freeTask());
    await expect(old).rejects.toThrow("over");
    expect(first.world.leftovers()).toEqual([]);
  });

  test("reverts a create that was not finished", async () => {
    const first = await openEngine();
    const hold = first.faults.hold("pin-namespaces.applied");
    const journal = memoryJournal();
    const { facts: _none, ...record } = sandboxRecord("half");
    const cut = first.engine.sandboxes.create(record, journal, freeTask());
    cut.catch(() => undefined);
    await hold.arrived(1);
    expect(first.world.leftovers()).toContain("namespaces half");
    const engine = createSimulatedEngine({ clock: first.clock, logs: first.logs, world: first.world });
    const found: { record: SandboxRecord; journal: Journal } = { record, journal: memoryJournal(journal.steps) };
    const verdicts = await engine.reconcile({ sandboxes: [found], containers: [] }, endsOf().observer);
    expect(verdicts.sandboxes.get("half")).toEqual({ kind: "reverted" });
    expect(first.world.leftovers()).toEqual([]);
    hold.release();
    // the old life goes on, and can make nothing any more
    await expect(cut).rejects.toThrow();
    expect(first.world.leftovers()).toEqual([]);
  });

  test("says what a revert left", async () => {
    const first = await openEngine();
    const journal = memoryJournal();
    const { facts: _none, ...record } = sandboxRecord("half");
    await first.engine.sandboxes.create(record, journal, freeTask());
    const faults = createFaults();
    faults.fail("attach-network.revert", new Error("the plugin is gone"));
    const engine = createSimulatedEngine({ clock: first.clock, logs: first.logs, faults, world: first.world });
    const verdicts = await engine.reconcile({ sandboxes: [{ record, journal }], containers: [] }, endsOf().observer);
    expect(verdicts.sandboxes.get("half")).toMatchObject({
      kind: "left",
      why: expect.stringContaining("plugin is gone"),
    });
    expect(first.world.leftovers()).toEqual(["address half"]);
  });

  test("takes a start back whose facts are not known", async () => {
    const first = await firstLife();
    const { started: _unknown, ...record } = first.record;
    const journal = memoryJournal(
      first.record.steps.map(({ name, plan, facts }) =>
        name === "start-process" || facts === undefined ? { name, plan } : { name, plan, facts },
      ),
    );
    const verdicts = await secondEngine(first).reconcile(
      {
        sandboxes: [foundSandbox(first.made)],
        containers: [foundContainer({ ...record, steps: journal.steps }, journal)],
      },
      endsOf().observer,
    );
    expect(verdicts.containers.get("a")).toEqual({ kind: "created" });
    expect(first.world.leftovers().filter((one) => one.startsWith("process"))).toEqual([]);
  });
});

describe("a reboot of the machine", () => {
  test("loses sandboxes and containers, and gives the address back", async () => {
    const first = await firstLife();
    first.world.reboot();
    const verdicts = await secondEngine(first).reconcile(
      { sandboxes: [foundSandbox(first.made)], containers: [foundContainer(first.record, first.made.journal)] },
      endsOf().observer,
    );
    expect(verdicts.sandboxes.get(first.made.sandbox.id)?.kind).toBe("lost");
    expect(verdicts.containers.get("a")).toMatchObject({ kind: "exited", exit: { code: 255, reason: "Unknown" } });
    expect(first.world.leftovers().filter((one) => one.startsWith("address"))).toEqual([]);
  });

  test("keeps the images", async () => {
    const world = createSimulatedWorld();
    const first = await openEngine({ world });
    await makeContainer(first.engine, "a");
    world.reboot();
    const engine = createSimulatedEngine({ clock: createManualClock(), logs: createMemoryLogs(), world });
    expect(await engine.images.list(undefined)).toHaveLength(1);
  });
});

test("a sandbox that loses its namespaces is told", async () => {
  const { engine, world, ends } = await openEngine();
  await engine.sandboxes.create(sandboxRecord("one"), memoryJournal(), freeTask());
  world.breakSandbox("one", "somebody unmounted them");
  expect(ends.lost).toEqual(["one: somebody unmounted them"]);
});
