import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { capOutput, longestOutput } from "./cap-output.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

// T8.01
describe("capOutput()", () => {
  it("leaves what fits as it is", () => {
    const output = { stdout: new Uint8Array(10), stderr: new Uint8Array(20) };
    expect(capOutput(output)).toBe(output);
  });

  it("keeps both streams together below the limit, and gives each what the other leaves", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(300), fc.integer({ min: 40, max: 200 }), (out, err, limit) => {
        const capped = capOutput({ stdout: new Uint8Array(out).fill(65), stderr: new Uint8Array(err).fill(66) }, limit);
        const total = capped.stdout.length + capped.stderr.length;
        expect(total).toBe(Math.min(limit, out + err));
        if (out <= limit / 2 && out + err > limit) expect(capped.stdout.length).toBe(out);
        for (const [bytes, before] of [
          [capped.stdout, out],
          [capped.stderr, err],
        ] as const) {
          expect(text(bytes).endsWith("\n[output cut]\n")).toBe(bytes.length < before);
        }
      }),
    );
  });

  it("leaves room for the rest of a message of 16 MiB", () => {
    const capped = capOutput({ stdout: new Uint8Array(20 * 1024 * 1024), stderr: new Uint8Array(20 * 1024 * 1024) });
    expect(capped.stdout.length + capped.stderr.length).toBe(longestOutput);
    expect(longestOutput).toBeLessThan(16 * 1024 * 1024 - 1024);
  });
});
