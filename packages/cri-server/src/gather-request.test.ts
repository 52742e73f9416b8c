import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { gatherRequest } from "./gather-request.ts";

function message(length: number, claimed = length): Uint8Array {
  const bytes = new Uint8Array(5 + length).map((_, index) => index);
  bytes[0] = 0;
  new DataView(bytes.buffer).setUint32(1, claimed);
  return bytes;
}

async function gathered(pieces: readonly Uint8Array[], ends = true) {
  const stream = new PassThrough();
  const got = gatherRequest(stream, 1000);
  for (const piece of pieces) stream.write(piece);
  if (ends) stream.end();
  const { bytes, isWhole } = (await got) ?? {};
  return { bytes: bytes === undefined ? undefined : [...bytes], isWhole, isPaused: stream.isPaused() };
}

describe("gatherRequest()", () => {
  it("puts the pieces of a message together, whatever their sizes, and leaves them as they are", async () => {
    const whole = message(300);
    for (const size of [1, 3, 5, 6, 100, 305]) {
      const parts = Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
        whole.slice(index * size, (index + 1) * size),
      );
      const copies = parts.map((part) => part.slice());
      expect(await gathered(parts)).toMatchObject({ bytes: [...whole], isWhole: true });
      expect(parts).toEqual(copies);
    }
    expect(await gathered([new Uint8Array(5)])).toMatchObject({ bytes: [0, 0, 0, 0, 0], isWhole: true });
  });

  it("hands on what is none, too short, compressed, too long or too much", async () => {
    const compressed = message(3);
    compressed[0] = 1;
    for (const bytes of [new Uint8Array(0), message(3).subarray(0, 4), message(3, 4), compressed]) {
      expect(await gathered([bytes])).toMatchObject({ bytes: [...bytes], isWhole: false, isPaused: false });
    }
    const tooLong = message(0, 1001);
    expect(await gathered([tooLong.subarray(0, 2), tooLong.subarray(2)], false)).toEqual({
      bytes: [...tooLong],
      isWhole: false,
      isPaused: true,
    });
    const twice = [...message(3), ...message(0)];
    expect(await gathered([message(3), message(0)], false)).toEqual({ bytes: twice, isWhole: false, isPaused: true });
  });

  it("ends with its caller", async () => {
    const stream = new PassThrough();
    const got = gatherRequest(stream, 1000);
    stream.write(message(3).subarray(0, 6));
    stream.destroy();
    expect(await got).toBeUndefined();
  });
});
