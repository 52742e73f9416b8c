import { randomInt } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Change, decodeFrames, encodeFrame } from "./log-frame.ts";

const seed = 0xfedcba98;
const changes: readonly Change[] = Array.from({ length: 40 }, (_, index) => ({
  key: `sandbox/${index % 9}ü`,
  value: index % 5 === 4 ? undefined : Buffer.alloc(randomInt(3000), index + 1),
}));
const frames = changes.map((change) => encodeFrame(seed, change));
const log = Buffer.concat(frames);
const ends = frames.map((_, index) => frames.slice(0, index + 1).reduce((sum, frame) => sum + frame.length, 0));

/** How many changes come back; each must be the one that was written there. */
function countRead(bytes: Uint8Array, ofSeed = seed): number {
  const read = [...decodeFrames(ofSeed, bytes)];
  for (const [index, { key, value }] of read.entries()) {
    expect(key).toBe(changes[index]?.key);
    expect(value === undefined).toBe(changes[index]?.value === undefined);
    expect(Buffer.compare(value ?? Buffer.of(), changes[index]?.value ?? Buffer.of())).toBe(0);
  }
  return read.length;
}

describe("decodeFrames()", () => {
  it("gives every change back, in order", () => {
    expect(countRead(log)).toBe(changes.length);
    expect(countRead(new Uint8Array())).toBe(0);
  });

  it("stops at the first frame that is not whole, wherever a log ends", () => {
    for (let length = 0; length < log.length; length += randomInt(1, 200)) {
      expect(countRead(log.subarray(0, length))).toBe(ends.filter((end) => end <= length).length);
    }
  });

  it("keeps all that was durable and reads only a beginning, whichever sectors after it were lost", () => {
    for (let round = 0; round < 300; round++) {
      const durable = randomInt(changes.length);
      const left = Buffer.from(log);
      const from = ends[durable - 1] ?? 0;
      for (let sector = Math.floor(from / 512); sector * 512 < log.length; sector++) {
        if (randomInt(4) === 0) left.fill(0, Math.max(from, sector * 512), Math.min(log.length, (sector + 1) * 512));
      }
      expect(countRead(left)).toBeGreaterThanOrEqual(durable);
    }
  });

  it("takes no changed byte for what was written", () => {
    for (let round = 0; round < 300; round++) {
      const at = randomInt(log.length);
      const changed = Buffer.from(log);
      changed.writeUInt8(changed.readUInt8(at) ^ (1 << randomInt(8)), at);
      expect(countRead(changed)).toBe(ends.filter((end) => end <= at).length);
    }
  });

  it("reads nothing from zeros, nor from a log of another seed", () => {
    expect(countRead(Buffer.alloc(5000))).toBe(0);
    expect(countRead(log, seed + 1)).toBe(0);
  });
});
