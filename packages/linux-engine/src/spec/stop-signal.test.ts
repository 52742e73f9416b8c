import { constants } from "node:os";
import { Signal } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { buildStopSignal, criSignal } from "./stop-signal.ts";

const ofImage = (stopSignal: string) => buildStopSignal({ stopSignal: Signal.RUNTIME_DEFAULT }, { stopSignal });

describe("buildStopSignal()", () => {
  it("is SIGTERM when nobody says otherwise, and the configuration's before the image's", () => {
    expect(ofImage("")).toEqual({ name: "SIGTERM", number: 15 });
    expect(buildStopSignal({ stopSignal: Signal.SIGUSR1 }, { stopSignal: "INT" })).toEqual({
      name: "SIGUSR1",
      number: 10,
    });
  });

  it.each(["SIGQUIT", "QUIT", "quit", "3"])("reads %j of an image", (text) => {
    expect(ofImage(text)).toEqual({ name: "SIGQUIT", number: 3 });
  });

  it("reads real-time signals", () => {
    expect(ofImage("SIGRTMIN+3")).toEqual({ name: "SIGRTMIN+3", number: 37 });
    expect(ofImage("RTMAX-1").number).toBe(63);
    expect(buildStopSignal({ stopSignal: Signal.SIGRTMAXMINUS14 }, {}).number).toBe(50);
    expect(buildStopSignal({ stopSignal: Signal.SIGRTMAX }, {}).number).toBe(64);
  });

  it.each(["0", "32", "65", "SIGFOO", "SIG", "RTMIN+31", "RTMIN-1", "1e1", "-9"])("refuses %j of an image", (text) => {
    expect(() => ofImage(text)).toThrow("is not a signal");
  });

  it("is told as the protocol's own value, for every signal that it has", () => {
    const values = Object.values(Signal).filter((value) => value !== Signal.RUNTIME_DEFAULT);
    for (const stopSignal of values) {
      const { number } = buildStopSignal({ stopSignal }, {});
      expect(buildStopSignal({ stopSignal: criSignal(number) }, {}).number).toBe(number);
    }
    expect([15, 6, 17, 29, 34, 37, 64].map(criSignal)).toEqual([
      Signal.SIGTERM,
      Signal.SIGABRT,
      Signal.SIGCHLD,
      Signal.SIGIO,
      Signal.SIGRTMIN,
      Signal.SIGRTMINPLUS3,
      Signal.SIGRTMAX,
    ]);
    expect(criSignal(99)).toBe(Signal.RUNTIME_DEFAULT);
  });

  it("knows every signal of the protocol by the machine's number", () => {
    for (const [name, value] of Object.entries(Signal)) {
      if (value === Signal.RUNTIME_DEFAULT) continue;
      const { number } = buildStopSignal({ stopSignal: value }, {});
      const own = (constants.signals as Record<string, number>)[name];
      if (own !== undefined && process.platform === "linux") expect([name, number]).toEqual([name, own]);
    }
    expect(() => buildStopSignal({ stopSignal: 99 as Signal }, {})).toThrow("stop_signal");
  });
});
