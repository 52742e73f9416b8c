import { describe, expect, it } from "vitest";
import type { ContainerExit } from "../ports/index.ts";
import { SimulatedProcess } from "./process.ts";

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
    new SimulatedProcess({ id: "c", pod: "p", script, clock, log, onExit: ended.resolve, onError: ended.reject });
    for (const { run } of timers.toReversed()) run();
    expect((await ended.promise).code).toBe(3);
    expect(said.map((line) => line.trimEnd().split(" ").at(-1))).toEqual(["first", "second", "third"]);
  });
});
