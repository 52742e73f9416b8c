// Values that are new in each run, and the same again for a seed that is given in KEELSON_SEED.
import { randomBytes } from "node:crypto";
import process from "node:process";

export interface Draw {
  readonly seed: string;
  /** An integer from `min` to `max`. */
  integer(min: number, max: number): number;
  /** Eight lower-case letters and digits, a letter first. */
  name(): string;
  /** A line of text with what shells and parsers stumble over. */
  text(): string;
  /** An exit code that no signal makes and that is not 0. */
  exitCode(): number;
}

export function createDraw(): Draw {
  const seed = process.env.KEELSON_SEED ?? randomBytes(4).toString("hex");
  let state = Number.parseInt(seed, 16) >>> 0;
  // mulberry32: small, and good enough to choose test data
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  const pick = (from: string): string => from.charAt(integer(0, from.length - 1));
  const letters = "abcdefghijklmnopqrstuvwxyz";
  const odd = `${letters}0123456789 '"$\\\`%!*&|;<>(){}[]~#äß中`;
  return {
    seed,
    integer,
    name: () => pick(letters) + Array.from({ length: 7 }, () => pick(`${letters}0123456789`)).join(""),
    // no space at the ends, so that nothing is lost by who trims
    text: () => `<${Array.from({ length: integer(1, 60) }, () => pick(odd)).join("")}>`,
    exitCode: () => integer(1, 124),
  };
}
