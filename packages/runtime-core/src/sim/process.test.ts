import { describe, expect, it } from "vitest";
import type { ContainerExit } from "../ports/index.ts";
import { createManualClock } from "./manual-clock.ts";
import { SimulatedProcess } from "./process.ts";
import { turn } from "./turn.ts";

describe("SimulatedProcess", () => {
  it("says its lines in order and before its end, however late timers come", async () => {
    const timers: { readonly run: () => void }[] = [];
    const clock = {
      now: () => 0n,
      after(_delayMs: number, run: () => void) {
        timers.push({ run });
        return { cancel: () => undefined };
      },
    };
    const said: string[] = [];
    const log = {
      write: (line: string) => void said.push(line),
      reopen: async () => undefined,
      close: () => undefined,
    };
    const ended = Promise.withResolvers<ContainerExit>();
    const script = {
      log: [{ text: "third", atMs: 30 }, { text: "second", atMs: 20 }, { text: "first" }],
      exit: { code: 3, afterMs: 30 },
    };
    const onExit = ended.resolve;
    const onError = ended.reject;
    new SimulatedProcess({ id: "c", pod: "p", script, stdin: false, clock, log, onExit, onError });
    for (const { run } of timers.toReversed()) run();
    expect((await ended.promise).code).toBe(3);
    expect(said.map((line) => line.trimEnd().split(" ").at(-1))).toEqual(["first", "second", "third"]);
  });

  it("that vanishes while it ends has an end that nobody notes", async () => {
    const told: string[] = [];
    const process = (id: string) =>
      new SimulatedProcess({
        ...{ id, pod: "p", script: {}, stdin: false, clock: createManualClock(), log: undefined },
        onExit: () => void told.push(id),
        onError: (error: unknown): void => expect.unreachable(String(error)),
      });
    const [gone, ended] = [process("gone"), process("ended")];
    for (const one of [gone, ended]) one.kill();
    gone.vanish();
    await turn();
    await turn();
    expect(told).toEqual(["ended"]);
    expect(gone.exit).toBeUndefined();
  });

  it("ends with its input, which it has none of unless the container asks for one", async () => {
    const onError = (error: unknown): void => expect.unreachable(String(error));
    const [none, open] = [false, true].map((stdin) => {
      const ended = Promise.withResolvers<ContainerExit>();
      const script = { endOfInput: { code: 4 } };
      const onExit = ended.resolve;
      const clock = createManualClock();
      return {
        ended: ended.promise,
        process: new SimulatedProcess({ id: "c", pod: "p", script, stdin, clock, log: undefined, onExit, onError }),
      };
    });
    expect((await none?.ended)?.code).toBe(4);
    for (let turns = 0; turns < 5; turns++) await turn();
    expect(open?.process.exit).toBeUndefined();
    open?.process.kill();
    expect((await open?.ended)?.code).toBe(137);
  });
});
