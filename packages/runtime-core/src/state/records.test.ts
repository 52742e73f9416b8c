import { create } from "@bufbuild/protobuf";
import { PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import type { SandboxRecord } from "../ports/index.ts";
import { createFaults, createMemoryStore } from "../sim/index.ts";
import { newObjectId } from "./object-id.ts";
import { sandboxCodec } from "./record-codec.ts";
import { Records } from "./records.ts";
import { sandboxIdentity } from "./states.ts";

function record(name = "pod"): SandboxRecord {
  const config = create(PodSandboxConfigSchema, { metadata: { name, uid: "u", namespace: "n" } });
  return { id: newObjectId(), config, runtimeHandler: "", createdAtNs: 1n, steps: [] };
}

function open(faults = createFaults(), store = createMemoryStore({ faults })) {
  const records = new Records<SandboxRecord>({
    kind: "sandbox",
    store,
    codec: sandboxCodec,
    identity: sandboxIdentity,
  });
  return { records, store, faults };
}

describe("records", () => {
  it("are found by ID and by identity until they are deleted", async () => {
    const { records, store } = open();
    const one = await records.add(record());
    expect(records.get(one.id)).toBe(one);
    expect(records.byIdentity(sandboxIdentity(one))).toBe(one);
    await records.delete(one.id);
    await records.delete(one.id);
    expect(records.get(one.id)).toBeUndefined();
    expect(records.byIdentity(sandboxIdentity(one))).toBeUndefined();
    expect((await store.load()).size).toBe(0);
  });

  it("show a change only when it is committed", async () => {
    const { records, faults } = open();
    const { id } = await records.add(record());
    const hold = faults.hold("store.commit");
    const changing = records.update(id, (old) => ({ ...old, lost: "gone" }));
    await hold.arrived(1);
    expect(records.get(id)?.lost).toBeUndefined();
    hold.release();
    await changing;
    expect(records.get(id)?.lost).toBe("gone");
  });

  it("keep what was, when a change can't be committed", async () => {
    const { records, faults } = open();
    const one = await records.add(record());
    faults.fail("store.commit", new Error("disk full"));
    await expect(records.update(one.id, (old) => ({ ...old, lost: "gone" }))).rejects.toThrow("disk full");
    expect(records.get(one.id)).toBe(one);
    await records.update(one.id, (old) => ({ ...old, lost: "now" }));
    expect(records.get(one.id)?.lost).toBe("now");
  });

  it("lose no change of many at once", async () => {
    const { records } = open();
    const { id } = await records.add(record());
    const journal = records.journal(id);
    const names = Array.from({ length: 20 }, (_, index) => `step ${index}`);
    await Promise.all(names.map((name) => journal.plan(name, {})));
    expect(records.get(id)?.steps.map(({ name }) => name)).toEqual(names);
  });

  it("write nothing for a change that changes nothing", async () => {
    const { records, store } = open();
    const { id } = await records.add(record());
    const { commits } = store;
    await records.update(id, (old) => old);
    expect(store.commits).toBe(commits);
  });

  it("can't be changed when they are gone", async () => {
    const { records } = open();
    await expect(records.update(newObjectId(), (old) => old)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("wake who waits for a state, and who waits for what goes", async () => {
    const { records } = open();
    const { id } = await records.add(record());
    const lost = records.until(id, (one) => one.lost !== undefined);
    await records.update(id, (old) => ({ ...old, failed: "no" }));
    await records.update(id, (old) => ({ ...old, lost: "gone" }));
    expect((await lost)?.lost).toBe("gone");
    const never = records.until(id, () => false);
    await records.delete(id);
    expect(await never).toBeUndefined();
  });

  it("survive a crash, with their steps", async () => {
    const before = open();
    const one = await before.records.add(record());
    const journal = before.records.journal(one.id);
    await journal.plan("a", { x: 1 });
    await journal.facts("a", [2]);
    await journal.plan("b", null);
    const after = open(before.faults, before.store.crash());
    for (const [key, bytes] of await after.store.load()) expect(after.records.load(key, bytes)).toBeUndefined();
    expect(after.records.journal(one.id).steps).toEqual([
      { name: "a", plan: { x: 1 }, facts: [2] },
      { name: "b", plan: null },
    ]);
    expect(after.records.byIdentity(sandboxIdentity(one))?.id).toBe(one.id);
  });

  it("say of a bad one what is bad, and take none under another's key", async () => {
    const { records } = open();
    const one = record();
    expect(records.load(`sandbox/${one.id}`, new Uint8Array(3))).toBeInstanceOf(Error);
    expect(records.load(`sandbox/${newObjectId()}`, sandboxCodec.encode(one))?.message).toContain(one.id);
    expect(records.size).toBe(0);
  });
});

describe("a journal", () => {
  it("plans, notes facts, and forgets, each committed when it resolves", async () => {
    const { records, store } = open();
    const { id } = await records.add(record());
    const journal = records.journal(id);
    await journal.plan("a", 1);
    await journal.plan("b", 2);
    await journal.facts("b", 3);
    await journal.plan("a", 4);
    await journal.forget("a");
    expect(journal.steps).toEqual([{ name: "b", plan: 2, facts: 3 }]);
    const crashed = store.crash();
    const [bytes] = [...(await crashed.load()).values()];
    expect(sandboxCodec.decode(bytes ?? new Uint8Array()).steps).toEqual(journal.steps);
  });

  it("has no facts of what was not planned", async () => {
    const { records } = open();
    const { id } = await records.add(record());
    await expect(records.journal(id).facts("a", 1)).rejects.toThrow("no plan");
  });
});
