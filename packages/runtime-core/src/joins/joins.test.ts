import { describe, expect, it } from "vitest";
import { collectingLog, type LogLine } from "../../test/core-harness.ts";
import { createManualClock } from "../sim/index.ts";
import type { Stage } from "../stage.ts";
import { Joins, type Wanted } from "./joins.ts";
import type { Waiter } from "./work.ts";

/** A waiter that a test can cut off. */
function waiter() {
  const controller = new AbortController();
  let stage: Stage | undefined;
  return {
    signal: controller.signal,
    follow: (followed: Stage) => {
      stage = followed;
      return () => {};
    },
    stage: () => stage?.text,
    cut: () => controller.abort(new Error("the caller went")),
  } satisfies Waiter & Record<string, unknown>;
}

function open() {
  const clock = createManualClock();
  const lines: LogLine[] = [];
  const visible = new Map<string, string>();
  const reverted: string[] = [];
  const failures: { revert?: Error; held?: Promise<void> } = {};
  let made = 0;
  const joins = new Joins({
    kind: "sandbox",
    clock,
    log: collectingLog(lines),
    newId: () => `id-${++made}`,
    taken: (identity) => (visible.has(identity) ? new Error(`taken by ${visible.get(identity)}`) : undefined),
    async revert(id) {
      await failures.held;
      if (failures.revert !== undefined) throw failures.revert;
      reverted.push(id);
      for (const [identity, one] of visible) if (one === id) visible.delete(identity);
    },
  });
  /** A create that waits until it is let go. */
  const create = (identity = "pod", fingerprint = "config") => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const ids: string[] = [];
    const signals: AbortSignal[] = [];
    const wanted: Wanted = {
      identity,
      fingerprint,
      group: "group",
      async create(id, task) {
        ids.push(id);
        signals.push(task.signal);
        task.stage(`making ${id}`);
        await promise;
        visible.set(identity, id);
      },
    };
    return { wanted, finish: resolve, fail: reject, ids, signals };
  };
  return { clock, lines, joins, create, visible, reverted, failures };
}

/** Lets every promise that is ready run. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe("joining", () => {
  it("gives 50 callers of one identity and configuration one object", async () => {
    const { joins, create } = open();
    const one = create();
    const answers = Array.from({ length: 50 }, () => joins.run(one.wanted, waiter()));
    await settle();
    one.finish();
    expect(new Set(await Promise.all(answers))).toEqual(new Set(["id-1"]));
    expect(one.ids).toEqual(["id-1"]);
    expect(joins.size).toBe(0);
  });

  it("hides the object while it is in flight, and shows it with the answer", async () => {
    const { joins, create } = open();
    const one = create();
    const answer = joins.run(one.wanted, waiter());
    await settle();
    expect(joins.hides("id-1")).toBe(true);
    one.finish();
    await answer;
    expect(joins.hides("id-1")).toBe(false);
  });

  it("gives every caller the failure, and begins anew afterwards", async () => {
    const { joins, create } = open();
    const one = create();
    const answers = [joins.run(one.wanted, waiter()), joins.run(one.wanted, waiter())];
    await settle();
    one.fail(new Error("no network"));
    for (const answer of answers) await expect(answer).rejects.toThrow("no network");
    const again = create();
    again.finish();
    expect(await joins.run(again.wanted, waiter())).toBe("id-2");
  });

  it("holds nobody up who wants another identity", async () => {
    const { joins, create } = open();
    const held = create("a");
    const free = create("b");
    const waiting = joins.run(held.wanted, waiter());
    free.finish();
    expect(await joins.run(free.wanted, waiter())).toBe("id-2");
    held.finish();
    expect(await waiting).toBe("id-1");
  });

  it("refuses an identity that a visible object has", async () => {
    const { joins, create } = open();
    const one = create();
    one.finish();
    await joins.run(one.wanted, waiter());
    await expect(joins.run(create().wanted, waiter())).rejects.toThrow("taken by id-1");
  });

  it("shows a caller the stage of what it joined", async () => {
    const { joins, create } = open();
    const one = create();
    const second = waiter();
    const answers = [joins.run(one.wanted, waiter()), joins.run(one.wanted, second)];
    await settle();
    expect(second.stage()).toMatch(/^making id-1 for 0\.\d s$/);
    one.finish();
    await Promise.all(answers);
  });

  it("begins nothing for a caller that has gone already", async () => {
    const { joins, create } = open();
    const gone = waiter();
    gone.cut();
    await expect(joins.run(create().wanted, gone)).rejects.toThrow("the caller went");
    expect(joins.size).toBe(0);
  });
});

describe("another configuration", () => {
  it("waits for the end of what is in flight, and then finds the identity taken", async () => {
    const { joins, create } = open();
    const [first, second] = [create("pod", "A"), create("pod", "B")];
    const other = waiter();
    const answers = [joins.run(first.wanted, waiter()), joins.run(second.wanted, other)];
    await settle();
    expect(other.stage()).toContain("another configuration");
    expect(second.ids).toEqual([]);
    first.finish();
    expect(await answers[0]).toBe("id-1");
    await expect(answers[1]).rejects.toThrow("taken by id-1");
  });

  it("is made when what was in flight failed", async () => {
    const { joins, create } = open();
    const [first, second] = [create("pod", "A"), create("pod", "B")];
    const answers = [joins.run(first.wanted, waiter()), joins.run(second.wanted, waiter())];
    await settle();
    first.fail(new Error("no network"));
    second.finish();
    await expect(answers[0]).rejects.toThrow("no network");
    expect(await answers[1]).toBe("id-2");
  });

  it("has a hidden object reverted first and is made under another ID", async () => {
    const { joins, create, reverted, visible } = open();
    const [first, second] = [create("pod", "A"), create("pod", "B")];
    const caller = waiter();
    const answer = joins.run(first.wanted, caller);
    await settle();
    caller.cut();
    first.finish();
    await expect(answer).rejects.toThrow("the caller went");
    second.finish();
    expect(await joins.run(second.wanted, waiter())).toBe("id-2");
    expect(reverted).toEqual(["id-1"]);
    expect([...visible.values()]).toEqual(["id-2"]);
  });
});

describe("a create whose callers have gone", () => {
  async function hidden() {
    const opened = open();
    const one = opened.create();
    const caller = waiter();
    const answer = opened.joins.run(one.wanted, caller);
    await settle();
    caller.cut();
    await expect(answer).rejects.toThrow("the caller went");
    return { ...opened, one };
  }

  it("goes on, and its task is not aborted", async () => {
    const { joins, one } = await hidden();
    expect(one.signals[0]?.aborted).toBe(false);
    expect(joins.hides("id-1")).toBe(true);
  });

  it("stays hidden when it has finished, and is claimed under its ID", async () => {
    const { joins, create, one } = await hidden();
    one.finish();
    await settle();
    expect(joins.hides("id-1")).toBe(true);
    const retry = create();
    expect(await joins.run(retry.wanted, waiter())).toBe("id-1");
    expect(retry.ids).toEqual([]);
    expect(joins.hides("id-1")).toBe(false);
  });

  it("is joined by a retry while it is in flight, and then visible", async () => {
    const { joins, create, one } = await hidden();
    const retry = joins.run(create().wanted, waiter());
    one.finish();
    expect(await retry).toBe("id-1");
    expect(joins.size).toBe(0);
  });

  it("is reverted when nobody claims it for two minutes", async () => {
    const { joins, clock, one, reverted, create } = await hidden();
    one.finish();
    await settle();
    await clock.advance(119_999);
    expect(reverted).toEqual([]);
    await clock.advance(1);
    expect(reverted).toEqual(["id-1"]);
    expect(joins.size).toBe(0);
    const again = create();
    again.finish();
    expect(await joins.run(again.wanted, waiter())).toBe("id-2");
  });

  it("is not reverted after it was claimed", async () => {
    const { joins, clock, one, reverted, create } = await hidden();
    one.finish();
    await settle();
    await clock.advance(119_999);
    await joins.run(create().wanted, waiter());
    await clock.advance(600_000);
    expect(reverted).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("is visible when its revert fails", async () => {
    const { joins, clock, one, failures, create, lines } = await hidden();
    failures.revert = new Error("busy");
    one.finish();
    await settle();
    await clock.advance(120_000);
    expect(joins.hides("id-1")).toBe(false);
    expect(lines.at(-1)).toMatchObject({ level: "error", fields: { id: "id-1", error: failures.revert } });
    await expect(joins.run(create().wanted, waiter())).rejects.toThrow("taken by id-1");
  });

  it("is made anew by a retry that comes while it is being reverted", async () => {
    const { joins, clock, one, reverted, create, failures } = await hidden();
    const { promise, resolve } = Promise.withResolvers<void>();
    failures.held = promise;
    one.finish();
    await settle();
    await clock.advance(120_000);
    const retry = create();
    const caller = waiter();
    const answer = joins.run(retry.wanted, caller);
    await settle();
    expect(caller.stage()).toContain("is removed");
    expect(retry.ids).toEqual([]);
    expect(joins.hides("id-1")).toBe(true);
    resolve();
    retry.finish();
    expect(await answer).toBe("id-2");
    expect(reverted).toEqual(["id-1"]);
  });

  it("fails without anybody, which is logged", async () => {
    const { joins, one, lines } = await hidden();
    one.fail(new Error("no network"));
    await settle();
    expect(joins.size).toBe(0);
    expect(lines.at(-1)).toMatchObject({ level: "warn", fields: { id: "id-1" } });
  });

  it("counts a caller that was cut in the very turn in which it finished as gone", async () => {
    const { joins, create } = open();
    const one = create();
    const caller = waiter();
    const answer = joins.run(one.wanted, caller);
    await settle();
    one.finish();
    caller.cut();
    await expect(answer).rejects.toThrow("the caller went");
    await settle();
    expect(joins.hides("id-1")).toBe(true);
  });
});

describe("discard", () => {
  it("aborts creates of its group, reverts the unclaimed, and leaves other groups alone", async () => {
    const { joins, create, reverted } = open();
    const [flying, lost, other] = [create("flying"), create("lost"), create("other")];
    const caller = waiter();
    const runs = [
      joins.run(flying.wanted, waiter()),
      joins.run(lost.wanted, caller),
      joins.run({ ...other.wanted, group: "elsewhere" }, waiter()),
    ];
    const outcomes = Promise.allSettled(runs);
    await settle();
    caller.cut();
    lost.finish();
    await settle();
    const reason = new Error("the sandbox goes");
    flying.signals[0]?.addEventListener("abort", () => flying.fail(flying.signals[0]?.reason));
    await joins.discard("group", reason);
    expect(reverted).toEqual(["id-2"]);
    expect(other.signals[0]?.aborted).toBe(false);
    other.finish();
    expect(await outcomes).toMatchObject([
      { status: "rejected", reason },
      { status: "rejected", reason: { message: "the caller went" } },
      { status: "fulfilled", value: "id-3" },
    ]);
  });
});

describe("close", () => {
  it("aborts what is in flight, keeps what is hidden, and takes no more", async () => {
    const { joins, create, reverted, clock } = open();
    const [flying, lost] = [create("flying"), create("lost")];
    const caller = waiter();
    const outcomes = Promise.allSettled([joins.run(flying.wanted, waiter()), joins.run(lost.wanted, caller)]);
    await settle();
    caller.cut();
    lost.finish();
    await settle();
    flying.signals[0]?.addEventListener("abort", () => flying.fail(flying.signals[0]?.reason));
    await joins.close(new Error("stopping"));
    expect((await outcomes).map((one) => one.status === "rejected" && String(one.reason))).toEqual([
      "Error: stopping",
      "Error: the caller went",
    ]);
    await clock.advance(600_000);
    expect(reverted).toEqual([]);
    await expect(joins.run(create("new").wanted, waiter())).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});
