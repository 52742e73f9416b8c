/** The bytes of record number `n`: its size and every byte follow from the number. */
export function recordOf(n: number): Uint8Array {
  const bytes = Buffer.alloc(8 + ((n * 2671) % 9000), n % 251);
  bytes.writeUInt32LE(n, 0);
  return bytes;
}

/** @throws when the bytes are not those of a record */
export function recordNumber(value: Uint8Array): number {
  const bytes = Buffer.from(value);
  const n = bytes.readUInt32LE(0);
  if (!bytes.equals(recordOf(n))) throw new Error(`the bytes of record ${n} are not those that were written`);
  return n;
}
