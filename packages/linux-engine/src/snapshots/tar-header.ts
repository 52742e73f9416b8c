import { damagedLayer } from "./layer-error.ts";

/** Every header and all padding of a tar archive comes in blocks of this many bytes. */
export const blockBytes = 512;

/** The fields of one header block, as written; nothing of an extended header is in it. */
export interface TarHeader {
  /** The type's byte as a character; the old format's NUL is "0" with {@link TarHeader.oldFormat}. */
  readonly type: string;
  readonly name: Buffer;
  readonly linkName: Buffer;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly size: bigint;
  readonly mtimeSec: bigint;
  readonly devMajor: bigint;
  readonly devMinor: bigint;
}

const space = 0x20;

/** True for a block of zeros, which ends an archive. */
export function isZeroBlock(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

/**
 * Parses one header block: POSIX.1-1988 ustar (IEEE 1003.1, "ustar Interchange Format"), GNU tar's and the old one of
 * Unix v7. What is returned owns its bytes.
 * @throws DATA_LOSS for a wrong checksum or a field that is no number
 */
export function parseTarHeader(block: Buffer): TarHeader {
  checkSum(block);
  const isUstar = block.toString("latin1", 257, 263) === "ustar\0";
  const hasDevices = isUstar || block.toString("latin1", 257, 265) === "ustar  \0";
  const name = untilNul(block.subarray(0, 100));
  const prefix = isUstar ? untilNul(block.subarray(345, 500)) : Buffer.alloc(0);
  const type = block[156] ?? 0;
  return {
    type: type === 0 ? "0" : String.fromCharCode(type),
    name: prefix.length === 0 ? Buffer.from(name) : Buffer.concat([prefix, Buffer.from("/"), name]),
    linkName: Buffer.from(untilNul(block.subarray(157, 257))),
    mode: Number(parseNumber(block, { name: "mode", from: 100, to: 108 }) & 0o7777n),
    uid: parseNumber(block, { name: "uid", from: 108, to: 116 }),
    gid: parseNumber(block, { name: "gid", from: 116, to: 124 }),
    size: parseNumber(block, { name: "size", from: 124, to: 136 }),
    mtimeSec: parseNumber(block, { name: "mtime", from: 136, to: 148 }),
    devMajor: hasDevices ? parseNumber(block, { name: "devmajor", from: 329, to: 337 }) : 0n,
    devMinor: hasDevices ? parseNumber(block, { name: "devminor", from: 337, to: 345 }) : 0n,
  };
}

/** The bytes before the first NUL: a view, not a copy. */
export function untilNul(field: Buffer): Buffer {
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** Octal digits, or GNU tar's base-256: the first bit set, then a two's complement number. */
function parseNumber(block: Buffer, field: Field): bigint {
  const bytes = block.subarray(field.from, field.to);
  const first = bytes[0] ?? 0;
  return (first & 0x80) !== 0 ? parseBase256(bytes, first) : parseOctal(bytes, field.name);
}

function parseBase256(bytes: Buffer, first: number): bigint {
  const width = BigInt(bytes.length * 8 - 1);
  let value = BigInt(first & 0x7f);
  for (const byte of bytes.subarray(1)) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(Number(width), value);
}

function parseOctal(bytes: Buffer, name: string): bigint {
  const text = untilNul(bytes).toString("latin1").trim();
  if (text === "") return 0n;
  if (!/^[0-7]{1,12}$/.test(text)) throw damagedLayer(`a header's ${name} is not an octal number`);
  return BigInt(`0o${text}`);
}

/** The sum of all bytes, the checksum's own field taken as spaces; some old writers summed signed bytes. */
function checkSum(block: Buffer): void {
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < blockBytes; at++) {
    const byte = at >= 148 && at < 156 ? space : (block[at] ?? 0);
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  const written = parseOctal(block.subarray(148, 156), "checksum");
  if (written !== BigInt(unsigned) && written !== BigInt(signed)) throw damagedLayer("a header's checksum is wrong");
}
