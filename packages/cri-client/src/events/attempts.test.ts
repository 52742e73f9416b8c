import { CriError, type CriErrorCode } from "@keelson/cri-api/errors";
import { describe, expect, it } from "vitest";
import { Attempts } from "./attempts.ts";
import type { StreamEnd } from "./event-stream.ts";

const end = (parts: Partial<StreamEnd> = {}): StreamEnd => ({
  error: undefined,
  livedMs: 5,
  gaveEvents: false,
  ...parts,
});
const failed = (code: CriErrorCode, options: ConstructorParameters<typeof CriError>[2] = {}): StreamEnd =>
  end({ error: new CriError(code, "so it is", options) });
const attempts = (): Attempts => new Attempts("unix:///run/x.sock", () => 0.5);
const notServed = expect.objectContaining({ code: "FAILED_PRECONDITION", reason: "EVENTS_NOT_SERVED" });

describe("Attempts", () => {
  it("takes a second end at once with OK, on one connection, for events that are switched off", () => {
    const tried = attempts();
    expect(tried.ended(end(), 1)).toMatchObject({ code: "UNAVAILABLE" });
    expect(() => tried.ended(end(), 1)).toThrow(notServed);
  });

  it.each([
    ["on another connection", end(), 2],
    ["after a second", end({ livedMs: 1000 }), 1],
    ["after an event", end({ gaveEvents: true }), 1],
    ["with an error", failed("INTERNAL"), 1],
  ])("does not take one %s for it", (_, second, epoch) => {
    const tried = attempts();
    tried.ended(end(), 1);
    expect(tried.ended(second, epoch)).toBeInstanceOf(CriError);
  });

  it.each([end({ livedMs: 1000 }), end({ gaveEvents: true })])(
    "never takes it for that where a stream has been served",
    (first) => {
      const tried = attempts();
      tried.ended(first, 1);
      for (let count = 0; count < 5; count++) expect(tried.isNone(end(), 1)).toBe(false);
      for (let count = 0; count < 5; count++) tried.ended(end(), 1);
      // another connection, another runtime
      tried.ended(end(), 2);
      expect(() => tried.ended(end(), 2)).toThrow(notServed);
    },
  );

  it("passes on what the connection refuses a call with as it is", () => {
    const tried = attempts();
    const none = failed("UNIMPLEMENTED", { reason: "SERVES_NO_CRI" });
    expect(tried.isNone(none, 1)).toBe(true);
    expect(() => tried.ended(none, 1)).toThrow(none.error);
    expect(() => tried.ended(failed("UNIMPLEMENTED", { reason: "NOT_IN_VERSION" }), 1)).toThrow(
      expect.objectContaining({ reason: "EVENTS_NOT_SERVED" }),
    );
  });

  it("pauses longer with each stream that does not hold, and not after one that did", () => {
    const tried = attempts();
    expect(tried.pauseMs()).toBe(0);
    tried.ended(failed("UNAVAILABLE"), 1);
    expect(tried.pauseMs()).toBeCloseTo(100);
    tried.ended(end({ gaveEvents: true }), 1);
    expect(tried.pauseMs()).toBeCloseTo(200);
    for (let count = 0; count < 100; count++) tried.ended(failed("UNAVAILABLE"), count);
    expect(tried.pauseMs()).toBeCloseTo(3000);
    tried.ended(end({ error: new CriError("UNAVAILABLE", "gone"), livedMs: 1000 }), 1);
    expect(tried.pauseMs()).toBe(0);
  });

  it("bears two lists that fail on a connection, and any that fail because the runtime is away", () => {
    const locked = new CriError("INTERNAL", "locked");
    const away = new CriError("UNAVAILABLE", "starting");
    const tried = attempts();
    for (let count = 0; count < 10; count++) expect(tried.listFailed(away, 1)).toBe(away);
    for (const epoch of [1, 1, 2, 2]) expect(tried.listFailed(locked, epoch)).toBe(locked);
    tried.listed();
    for (const epoch of [2, 2]) expect(tried.listFailed(locked, epoch)).toBe(locked);
    expect(() => tried.listFailed(locked, 2)).toThrow(locked);
    const refused = new CriError("PERMISSION_DENIED", "not for you");
    expect(() => attempts().listFailed(refused, 1)).toThrow(refused);
    expect(() => attempts().listFailed(new TypeError("a mistake"), 1)).toThrow(TypeError);
  });
});
