import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { PodSandboxSchema, StreamPodSandboxesResponseSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { inBatches, longestBatch } from "./batches.ts";

const part = StreamPodSandboxesResponseSchema;

function parts(ids: readonly string[], mostBytes?: number) {
  const batches = inBatches({
    part,
    item: PodSandboxSchema,
    from: ids,
    toItem: (id) => ({ id }),
    ...(mostBytes === undefined ? {} : { mostBytes }),
  });
  return [...batches].map((init) => {
    const bytes = toBinary(part, create(part, init));
    return { size: bytes.byteLength, ids: fromBinary(part, bytes).podSandboxes.map(({ id }) => id) };
  });
}

describe("inBatches()", () => {
  it("gives no part for no item", () => {
    expect(parts([])).toEqual([]);
  });

  it("keeps every item once and in order, and every part within its size", () => {
    const ids = Array.from({ length: 1000 }, (_, index) => `${index}`.repeat(1 + (index % 7)));
    const all = parts(ids, 100);
    expect(all.flatMap((one) => one.ids)).toEqual(ids);
    expect(Math.max(...all.map(({ size }) => size))).toBeLessThanOrEqual(100);
    expect(all.length).toBeGreaterThan(50);
  });

  it("fills a part to the last byte", () => {
    // tag, length, and the item: tag, length, 6 bytes
    expect(parts(["abcdef", "ghijkl", "mnopqr"], 20)).toEqual([
      { size: 20, ids: ["abcdef", "ghijkl"] },
      { size: 10, ids: ["mnopqr"] },
    ]);
    expect(parts(["abcdef", "ghijkl"], 19)).toHaveLength(2);
  });

  it("gives an item that is larger than a part one of its own", () => {
    const large = "x".repeat(2 * longestBatch);
    expect(parts(["a", large, "b"]).map(({ ids }) => ids.map((id) => id.length))).toEqual([[1], [large.length], [1]]);
  });

  it("encodes items of a part when it is asked for", () => {
    let encoded = 0;
    const batches = inBatches({
      part,
      item: PodSandboxSchema,
      from: ["a", "b", "c", "d"],
      toItem: (id) => {
        encoded++;
        return { id };
      },
      mostBytes: 5,
    });
    batches.next();
    expect(encoded).toBe(2);
  });
});
