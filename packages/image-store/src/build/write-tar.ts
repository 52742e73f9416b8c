import { Buffer } from "node:buffer";
import type { TarEntry } from "./tar-entry.ts";

const blockSize = 512;
const typeFlags = { file: "0", hardlink: "1", symlink: "2", character: "3", block: "4", directory: "5", fifo: "6" };
const defaultModes: Partial<Record<keyof typeof typeFlags, number>> = { directory: 0o755, symlink: 0o777 };

/** A tar archive (POSIX ustar, PAX headers where a value does not fit) that ends with two zero blocks. */
export function writeTar(entries: readonly TarEntry[]): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (const entry of entries) blocks.push(...member(entry));
  blocks.push(Buffer.alloc(2 * blockSize));
  return Buffer.concat(blocks);
}

function bytesOf(value: string | Uint8Array | undefined): Buffer {
  if (value === undefined) return Buffer.alloc(0);
  return typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value);
}

function member(entry: TarEntry): Uint8Array[] {
  const path = bytesOf(entry.path);
  const link = bytesOf(entry.link);
  const content = bytesOf(entry.content);
  const numbers = { uid: entry.uid ?? 0, gid: entry.gid ?? 0, size: content.length };
  const records = [
    ...(path.length > 100 || !isAscii(path) ? [record("path", path)] : []),
    ...(link.length > 100 || !isAscii(link) ? [record("linkpath", link)] : []),
    ...(numbers.uid > 0o7777777 ? [record("uid", bytesOf(String(numbers.uid)))] : []),
    ...(numbers.gid > 0o7777777 ? [record("gid", bytesOf(String(numbers.gid)))] : []),
    ...Object.entries(entry.xattrs ?? {}).map(([name, value]) => record(`SCHILY.xattr.${name}`, bytesOf(value))),
  ];
  const main = [header(entry, path, link, numbers), ...padded(content)];
  if (records.length === 0) return main;
  const pax = Buffer.concat(records);
  const extended = header(
    { path: "", mode: 0o644 },
    bytesOf("PaxHeaders/entry"),
    bytesOf(""),
    {
      uid: 0,
      gid: 0,
      size: pax.length,
    },
    "x",
  );
  return [extended, ...padded(pax), ...main];
}

interface HeaderNumbers {
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
}

function header(entry: TarEntry, path: Buffer, link: Buffer, numbers: HeaderNumbers, flag?: string): Buffer {
  const type = entry.type ?? "file";
  const block = Buffer.alloc(blockSize);
  path.copy(block, 0, 0, 100);
  octal(block, 100, 8, entry.mode ?? defaultModes[type] ?? 0o644);
  octal(block, 108, 8, numbers.uid > 0o7777777 ? 0 : numbers.uid);
  octal(block, 116, 8, numbers.gid > 0o7777777 ? 0 : numbers.gid);
  octal(block, 124, 12, numbers.size);
  octal(block, 136, 12, entry.mtime ?? 0);
  block.write(flag ?? typeFlags[type], 156, "latin1");
  link.copy(block, 157, 0, 100);
  block.write("ustar\x0000", 257, "latin1");
  octal(block, 329, 8, entry.major ?? 0);
  octal(block, 337, 8, entry.minor ?? 0);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function octal(block: Buffer, offset: number, width: number, value: number): void {
  block.write(value.toString(8).padStart(width - 1, "0"), offset, "latin1");
}

function padded(content: Buffer): Uint8Array[] {
  const rest = content.length % blockSize;
  if (content.length === 0) return [];
  return rest === 0 ? [content] : [content, Buffer.alloc(blockSize - rest)];
}

function isAscii(bytes: Buffer): boolean {
  return bytes.every((byte) => byte < 0x80);
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself too. */
function record(key: string, value: Buffer): Buffer {
  const fixed = Buffer.byteLength(key) + value.length + 3;
  let length = fixed + String(fixed).length;
  if (fixed + String(length).length > length) length = fixed + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, "utf8"), value, Buffer.from("\n")]);
}
