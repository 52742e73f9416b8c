import { damagedLayer, refusedLayer } from "./layer-error.ts";

/** What an extended header says of the next entry; a key that is not there leaves the entry's own header as it is. */
export interface PaxRecords {
  path?: Buffer;
  linkPath?: Buffer;
  size?: bigint;
  uid?: bigint;
  gid?: bigint;
  mtimeNs?: bigint;
  /** By attribute name, bytes as Latin-1 so that equal text means equal bytes. */
  readonly xattrs: Map<string, Buffer>;
}

const xattrPrefix = "SCHILY.xattr.";
const equals = 0x3d;
const newline = 0x0a;
const space = 0x20;

/**
 * Parses the records of one extended header (IEEE 1003.1, "pax Extended Header"): `LENGTH KEY=VALUE\n`. Values are
 * bytes and stay bytes. Keys that say nothing about what is applied (names of users, access times, comments, text
 * ACLs) are left out.
 * @throws DATA_LOSS for a malformed record, INVALID_ARGUMENT for sparse files and for values that contradict each other
 */
export function parsePaxRecords(bytes: Buffer): PaxRecords {
  const records: PaxRecords = { xattrs: new Map() };
  for (const { key, value } of splitRecords(bytes)) addRecord(records, key, value);
  return records;
}

/**
 * Checks a global extended header. It is ignored, as containerd does; one that would give entries other names or sizes
 * is refused, because then two readers see two archives.
 */
export function checkGlobalRecords(bytes: Buffer): void {
  for (const { key } of splitRecords(bytes)) {
    if (key === "path" || key === "linkpath" || key === "size" || key.startsWith("GNU.sparse.")) {
      throw refusedLayer(`a global extended header sets ${key} for all entries`);
    }
  }
}

function* splitRecords(bytes: Buffer): Generator<{ readonly key: string; readonly value: Buffer }> {
  let at = 0;
  while (at < bytes.length) {
    const gap = bytes.indexOf(space, at);
    const digits = gap < 0 ? "" : bytes.toString("latin1", at, Math.min(gap, at + 10));
    if (!/^[1-9][0-9]{0,8}$/.test(digits)) throw damagedLayer("an extended header's record has no length");
    const end = at + Number(digits);
    if (end > bytes.length || end <= gap + 1 || bytes[end - 1] !== newline) {
      throw damagedLayer("an extended header's record has a wrong length");
    }
    const split = bytes.indexOf(equals, gap);
    if (split < 0 || split >= end || split === gap + 1) throw damagedLayer("an extended header's record has no key");
    const key = bytes.toString("latin1", gap + 1, split);
    if (key.includes("\0")) throw damagedLayer("an extended header's key holds a NUL byte");
    yield { key, value: bytes.subarray(split + 1, end - 1) };
    at = end;
  }
}

function addRecord(records: PaxRecords, key: string, value: Buffer): void {
  if (key.startsWith(xattrPrefix) && key.length > xattrPrefix.length) {
    records.xattrs.set(key.slice(xattrPrefix.length), Buffer.from(value));
    return;
  }
  if (key.startsWith("GNU.sparse.")) throw refusedLayer("an entry is a sparse file, which is not supported");
  if (value.length === 0) return; // an empty value: as if the record were not there
  switch (key) {
    case "path":
      records.path = parseName(value);
      break;
    case "linkpath":
      records.linkPath = parseName(value);
      break;
    case "size": {
      const size = parseDecimal(value, "size");
      if (records.size !== undefined && records.size !== size) throw refusedLayer("an entry has two different sizes");
      records.size = size;
      break;
    }
    case "uid":
      records.uid = parseDecimal(value, "uid");
      break;
    case "gid":
      records.gid = parseDecimal(value, "gid");
      break;
    case "mtime":
      records.mtimeNs = parseTime(value);
      break;
  }
}

function parseName(value: Buffer): Buffer {
  if (value.includes(0)) throw refusedLayer("a name holds a NUL byte");
  return Buffer.from(value);
}

function parseDecimal(value: Buffer, key: string): bigint {
  const text = value.toString("latin1");
  if (!/^[0-9]{1,19}$/.test(text)) throw damagedLayer(`an extended header's ${key} is not a number`);
  return BigInt(text);
}

/** Seconds since 1970 with an optional sign and fraction, to nanoseconds; what is finer is cut towards the past. */
function parseTime(value: Buffer): bigint {
  const match = /^(-?)([0-9]{1,12})(?:\.([0-9]{0,100}))?$/.exec(value.toString("latin1"));
  if (match === null) throw damagedLayer("an extended header's mtime is not a time");
  const [, sign = "", seconds = "0", fraction = ""] = match;
  const ns = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign === "") return ns;
  return /[1-9]/.test(fraction.slice(9)) ? -ns - 1n : -ns;
}
