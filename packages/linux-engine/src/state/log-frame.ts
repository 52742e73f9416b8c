import { crc32 } from "node:zlib";

/** A write of one key. */
export interface Change {
  readonly key: string;
  /** Undefined: the key is deleted. */
  readonly value: Uint8Array | undefined;
}

export interface ReadChange extends Change {
  /** Of its frame. */
  readonly sizeBytes: number;
}

// payload length u32, crc32 of the payload u32; the payload is kind u8, key length u16, key, value
const headerBytes = 8;
const payloadHeaderBytes = 3;
const kindPut = 1;
const kindDelete = 2;

/**
 * A change as it stands in the log with this seed, an u32. The checksum starts from it, so that blocks of another log that
 * a loss of power brings up in this one are no frames of it.
 * @throws RangeError when the key has more than 65535 bytes
 */
export function encodeFrame(seed: number, change: Change): Uint8Array {
  const key = Buffer.from(change.key, "utf8");
  const value = change.value ?? new Uint8Array();
  const frame = Buffer.allocUnsafe(headerBytes + payloadHeaderBytes + key.length + value.length);
  frame.writeUInt32LE(frame.length - headerBytes, 0);
  frame.writeUInt8(change.value === undefined ? kindDelete : kindPut, headerBytes);
  frame.writeUInt16LE(key.length, headerBytes + 1);
  frame.set(key, headerBytes + payloadHeaderBytes);
  frame.set(value, headerBytes + payloadHeaderBytes + key.length);
  frame.writeUInt32LE(crc32(frame.subarray(headerBytes), seed), 4);
  return frame;
}

/**
 * The changes of a log, up to the first bytes that are no whole frame: what comes after them was never durable. The
 * values are views of `bytes`.
 */
export function* decodeFrames(seed: number, bytes: Uint8Array): Generator<ReadChange> {
  const log = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + headerBytes + payloadHeaderBytes <= log.length) {
    const end = at + headerBytes + log.readUInt32LE(at);
    if (end > log.length) return;
    const payload = log.subarray(at + headerBytes, end);
    if (payload.length < payloadHeaderBytes || crc32(payload, seed) !== log.readUInt32LE(at + 4)) return;
    const keyEnd = payloadHeaderBytes + payload.readUInt16LE(1);
    const key = payload.toString("utf8", payloadHeaderBytes, keyEnd);
    const value = payload.readUInt8(0) === kindDelete ? undefined : payload.subarray(keyEnd);
    yield { key, value, sizeBytes: end - at };
    at = end;
  }
}
