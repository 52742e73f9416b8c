import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { silentLog } from "../log.ts";
import { createManualClock } from "../sim/index.ts";
import { Joins } from "./joins.ts";

type Object = { readonly id: string; readonly fingerprint: string; state: "making" | "made" | "failed" | "reverted" };

const identities = ["a", "b"] as const;
const action = fc.oneof(
  fc.record({ kind: fc.constant("call"), identity: fc.constantFrom(...identities), config: fc.constantFrom("X", "Y") }),
  fc.record({ kind: fc.constant("cut"), index: fc.nat(30) }),
  fc.record({ kind: fc.constant("finish"), index: fc.nat(30), fails: fc.boolean() }),
  fc.record({ kind: fc.constant("revertEnds"), fails: fc.boolean() }),
  fc.record({ kind: fc.constant("time"), ms: fc.constantFrom(1000, 119_000, 121_000) }),
  fc.record({ kind: fc.constant("remove"), identity: fc.constantFrom(...identities) }),
);

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe("joins, over random runs of events", () => {
  it("keep their contract", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
        const clock = createManualClock();
        const objects = new Map<string, Object & { readonly identity: string }>();
        const creates: { id: string; end: (fails: boolean) => void }[] = [];
        const reverts: { end: (fails: boolean) => void }[] = [];
        const callers: { controller: AbortController; config: string; identity: string; done: boolean }[] = [];
        const removed = new Set<string>();
        const twins: Object[] = [];
        const present = (identity: string) =>
          [...objects.values()].filter(
            (one) =>
              one.identity === identity && (one.state === "made" || one.state === "making") && !removed.has(one.id),
          );
        let ids = 0;
        const joins: Joins = new Joins({
          kind: "object",
          clock,
          log: silentLog,
          newId: () => `id-${++ids}`,
          taken: (identity) => (present(identity).length > 0 ? new Error("taken") : undefined),
          async revert(id) {
            const { promise, resolve, reject } = Promise.withResolvers<void>();
            reverts.push({ end: (fails) => (fails ? reject(new Error("busy")) : resolve()) });
            await promise;
            const object = objects.get(id);
            if (object !== undefined) object.state = "reverted";
          },
        });

        const call = (identity: string, config: string): void => {
          const controller = new AbortController();
          const caller = { controller, config, identity, done: false };
          callers.push(caller);
          const wanted = {
            identity,
            fingerprint: config,
            group: "",
            async create(id: string) {
              // one object of an identity at a time, whoever asks
              twins.push(...present(identity));
              const object: Object & { identity: string } = { id, identity, fingerprint: config, state: "making" };
              objects.set(id, object);
              const { promise, resolve, reject } = Promise.withResolvers<void>();
              creates.push({ id, end: (fails) => (fails ? reject(new Error("failed")) : resolve()) });
              await promise.catch((error: unknown) => {
                object.state = "failed";
                throw error;
              });
              object.state = "made";
            },
          };
          const answered = joins.run(wanted, { signal: controller.signal, follow: () => () => {} }).then(
            (id) => {
              // an answer names a visible object of the caller's own configuration
              expect(objects.get(id)).toMatchObject({ state: "made", fingerprint: config, identity });
              expect(joins.hides(id)).toBe(false);
              expect(controller.signal.aborted).toBe(false);
            },
            () => {},
          );
          const end = (): void => {
            caller.done = true;
          };
          problems.push(answered.finally(end));
        };

        const problems: Promise<void>[] = [];
        for (const one of actions) {
          if (one.kind === "call") call(one.identity, one.config);
          if (one.kind === "cut") callers[one.index]?.controller.abort(new Error("gone"));
          if (one.kind === "finish") creates[one.index]?.end(one.fails);
          if (one.kind === "revertEnds") reverts.shift()?.end(one.fails);
          if (one.kind === "time") await clock.advance(one.ms);
          if (one.kind === "remove") {
            for (const { id, state } of present(one.identity)) {
              if (state === "made" && !joins.hides(id)) removed.add(id);
            }
          }
          await turn();
          for (const object of objects.values()) {
            if (object.state === "making") expect(joins.hides(object.id)).toBe(true);
          }
        }

        // in the end everybody is answered and nothing stays hidden
        for (let round = 0; round < 100 && (callers.some(({ done }) => !done) || joins.size > 0); round++) {
          for (const create of creates) create.end(false);
          for (const revert of reverts.splice(0)) revert.end(false);
          await clock.advance(121_000);
        }
        await Promise.all(problems);
        expect(twins).toEqual([]);
        expect(joins.size).toBe(0);
        expect(clock.pending).toBe(0);
        for (const object of objects.values()) expect(joins.hides(object.id)).toBe(false);
      }),
      { numRuns: 150 },
    );
  });
});
