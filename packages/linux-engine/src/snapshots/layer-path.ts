import { quoteName, refusedLayer } from "./layer-error.ts";

/** A place in a layer: the names on the way from its root, in bytes, without `.` and `..`. Empty for the root. */
export type LayerPath = readonly Buffer[];

const slash = 0x2f;
const maxDepth = 256;
const dot = Buffer.from(".");
const dotDot = Buffer.from("..");
const whiteoutPrefix = Buffer.from(".wh.");
const bookkeepingPrefix = Buffer.from(".wh..wh.");
const opaqueMark = Buffer.from(".wh..wh..opq");

/** The names between slashes, without empty ones and `.`. */
export function splitNames(path: Buffer): Buffer[] {
  const names: Buffer[] = [];
  for (let from = 0; from < path.length; ) {
    const next = path.indexOf(slash, from);
    const end = next < 0 ? path.length : next;
    const name = path.subarray(from, end);
    if (name.length > 0 && !name.equals(dot)) names.push(name);
    from = end + 1;
  }
  return names;
}

export function isDotDot(name: Buffer): boolean {
  return name.equals(dotDot);
}

/**
 * The place that an entry names. A leading slash means nothing: the layer's root is where it starts.
 * @throws INVALID_ARGUMENT for a name with `..`
 */
export function parseLayerPath(path: Buffer): LayerPath {
  const names = splitNames(path);
  if (names.some(isDotDot)) throw refusedLayer(`the name ${quoteName(path)} leads out of the layer by ".."`);
  checkDepth(names);
  return names;
}

/** Keeps what one entry can make us do and remember in bounds. @throws INVALID_ARGUMENT beyond 256 levels */
export function checkDepth(path: LayerPath): void {
  if (path.length > maxDepth) {
    throw refusedLayer(`a folder is ${path.length} levels deep, want at most ${maxDepth}`);
  }
}

/** The same text for the same place, bytes as Latin-1: for maps and sets. The root's is "". */
export function pathKey(path: LayerPath): string {
  return path.map((name) => name.toString("latin1")).join("/");
}

/** The place of a {@link pathKey}. */
export function pathOfKey(key: string): LayerPath {
  return splitNames(Buffer.from(key, "latin1"));
}

/** For the kernel, relative to the layer's root, never empty. */
export function joinPath(path: LayerPath): Buffer {
  if (path.length === 0) return dot;
  return Buffer.concat(path.flatMap((name, index) => (index === 0 ? [name] : [separator, name])));
}

/** What an entry's name says beside naming a file (OCI image-spec, "Representing Changes"). */
export type NameMeaning =
  | { readonly kind: "file" }
  /** The folder that holds the entry hides what lower layers have in it. */
  | { readonly kind: "opaque" }
  /** The folder that holds the entry has no longer what lower layers have under this name. */
  | { readonly kind: "whiteout"; readonly name: Buffer }
  /** aufs's own bookkeeping, which no other file system wants. */
  | { readonly kind: "bookkeeping" };

/** @throws INVALID_ARGUMENT for a whiteout of nothing, of `.` or `..`, and for an entry below a whiteout */
export function meaningOf(path: LayerPath): NameMeaning {
  const last = path.at(-1);
  if (last === undefined) return { kind: "file" };
  const marked = path.find((name) => startsWith(name, whiteoutPrefix));
  if (marked === undefined) return { kind: "file" };
  if (startsWith(marked, bookkeepingPrefix)) {
    return marked === last && last.equals(opaqueMark) ? { kind: "opaque" } : { kind: "bookkeeping" };
  }
  const name = marked.subarray(whiteoutPrefix.length);
  if (marked !== last || name.length === 0 || name.equals(dot) || name.equals(dotDot)) {
    throw refusedLayer(`the name ${quoteName(joinPath(path))} is no whiteout that means anything`);
  }
  return { kind: "whiteout", name };
}

const separator = Buffer.from("/");

function startsWith(name: Buffer, prefix: Buffer): boolean {
  return name.length >= prefix.length && name.subarray(0, prefix.length).equals(prefix);
}
