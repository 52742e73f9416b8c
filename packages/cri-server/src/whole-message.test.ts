import { describe, expect, it } from "vitest";
import { wholeMessage } from "./whole-message.ts";

function message(length: number, claimed = length): Uint8Array {
  const bytes = new Uint8Array(5 + length).map((_, index) => index);
  new DataView(bytes.buffer).setUint32(1, claimed);
  return bytes;
}

async function pieces(given: readonly Uint8Array[]): Promise<number[][]> {
  async function* come(): AsyncGenerator<Uint8Array> {
    yield* given;
  }
  const got: number[][] = [];
  for await (const piece of wholeMessage(come(), 1000)) got.push([...piece]);
  return got;
}

describe("wholeMessage()", () => {
  it("puts the pieces of a message together, whatever their sizes", async () => {
    const whole = message(300);
    for (const size of [1, 3, 5, 6, 100, 305]) {
      const parts = Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
        whole.subarray(index * size, (index + 1) * size),
      );
      expect(await pieces(parts)).toEqual([[...whole]]);
    }
    expect(await pieces([new Uint8Array(5)])).toEqual([[0, 0, 0, 0, 0]]);
    expect(await pieces([])).toEqual([]);
  });

  it("hands on what is too long, too short or too much", async () => {
    const tooLong = message(0, 1001);
    const rest = Uint8Array.of(1, 2);
    expect(await pieces([tooLong.subarray(0, 2), tooLong.subarray(2), rest])).toEqual([[...tooLong], [1, 2]]);
    expect(await pieces([message(3, 4)])).toEqual([[...message(3, 4)]]);
    expect(await pieces([message(3), message(0)])).toEqual([[...message(3)], [...message(0)]]);
  });
});
