import { damagedLayer, quoteName, refusedLayer } from "./layer-error.ts";
import type { PaxRecords } from "./pax-records.ts";
import type { TarHeader } from "./tar-header.ts";

export type TarEntryKind = "file" | "hard-link" | "symlink" | "char-device" | "block-device" | "folder" | "fifo";

/** One member of an archive. Names are bytes, as the file system has them; what they mean is not judged here. */
export interface TarEntry {
  readonly kind: TarEntryKind;
  /** As written, not empty, without a NUL byte. */
  readonly path: Buffer;
  /** The target of a link; empty for all else. */
  readonly linkPath: Buffer;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow; 0 for all but files. */
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly devMajor: number;
  readonly devMinor: number;
  /** By name, bytes of the name as Latin-1. */
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** Names that came before the header in blocks of their own; each holds for the next entry only. */
export interface EntryExtensions {
  readonly pax?: PaxRecords;
  readonly longName?: Buffer;
  readonly longLink?: Buffer;
}

/** PATH_MAX without the NUL byte at the end. */
export const maxPathBytes = 4095;

const kinds: ReadonlyMap<string, TarEntryKind> = new Map([
  ["0", "file"],
  ["7", "file"], // contiguous: a hint for real-time file systems
  ["1", "hard-link"],
  ["2", "symlink"],
  ["3", "char-device"],
  ["4", "block-device"],
  ["5", "folder"],
  ["6", "fifo"],
]);
const maxId = 2n ** 32n - 2n; // 2^32-1 is chown's "leave it as it is"
const slash = 0x2f;

/**
 * Puts a header and what came before it together; an extended header's records come first, then GNU's long names.
 * @throws INVALID_ARGUMENT for types that a layer may not have and for what readers of tar understand in two ways
 */
export function toTarEntry(header: TarHeader, extensions: EntryExtensions): TarEntry {
  const { pax, longName, longLink } = extensions;
  const path = pax?.path ?? longName ?? header.name;
  if (path.length === 0) throw damagedLayer("an entry has no name");
  const named = quoteName(path);
  checkLength(path, named);
  const kind = kindOf(header, path, named);
  const isLink = kind === "hard-link" || kind === "symlink";
  const linkPath = isLink ? (pax?.linkPath ?? longLink ?? header.linkName) : Buffer.alloc(0);
  if (isLink && linkPath.length === 0) throw damagedLayer(`the link ${named} has no target`);
  checkLength(linkPath, named);
  const isDevice = kind === "char-device" || kind === "block-device";
  return {
    kind,
    path,
    linkPath,
    mode: header.mode,
    uid: ranged(pax?.uid ?? header.uid, { what: "uid", max: maxId, named }),
    gid: ranged(pax?.gid ?? header.gid, { what: "gid", max: maxId, named }),
    sizeBytes: sizeOf(kind, header, pax, named),
    mtimeNs: pax?.mtimeNs ?? header.mtimeSec * 1_000_000_000n,
    devMajor: isDevice ? ranged(header.devMajor, { what: "major number", max: 0xfffn, named }) : 0,
    devMinor: isDevice ? ranged(header.devMinor, { what: "minor number", max: 0xfffffn, named }) : 0,
    xattrs: pax?.xattrs ?? new Map(),
  };
}

function kindOf(header: TarHeader, path: Buffer, named: string): TarEntryKind {
  const kind = kinds.get(header.type);
  if (kind === undefined) {
    throw refusedLayer(
      `entry ${named} has type ${quoteName(Buffer.from(header.type, "latin1"))}, which is not supported`,
    );
  }
  // Before there were folders in tar, a name that ends with a slash was one.
  return kind === "file" && path.at(-1) === slash ? "folder" : kind;
}

/** Only files have content. For a hard link GNU tar and Go ignore a header's size, but not alike an extended one's. */
function sizeOf(kind: TarEntryKind, header: TarHeader, pax: PaxRecords | undefined, named: string): number {
  const size = pax?.size ?? (kind === "hard-link" ? 0n : header.size);
  if (kind !== "file" && size !== 0n) throw refusedLayer(`entry ${named} is a ${kind} with content`);
  return ranged(size, { what: "size", max: BigInt(Number.MAX_SAFE_INTEGER), named });
}

function ranged(value: bigint, limit: { readonly what: string; readonly max: bigint; readonly named: string }): number {
  if (value < 0n || value > limit.max) {
    throw refusedLayer(`entry ${limit.named} has ${limit.what} ${value}, want 0 to ${limit.max}`);
  }
  return Number(value);
}

function checkLength(name: Buffer, named: string): void {
  if (name.length > maxPathBytes) {
    throw refusedLayer(`a name of entry ${named} has ${name.length} bytes, want at most ${maxPathBytes}`);
  }
}
