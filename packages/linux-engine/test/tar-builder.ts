/** One member of a test archive, close to the bytes, so that damaged and hostile ones can be made too. */
export interface Member {
  readonly name: string | Buffer;
  /** Default "0", or "5" when the name ends with a slash. */
  readonly type?: string;
  readonly content?: string | Buffer;
  readonly link?: string | Buffer;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly devMajor?: number;
  readonly devMinor?: number;
  /** Records of an extended header of its own, in this order. */
  readonly pax?: readonly (readonly [key: string, value: string | Buffer])[];
  /** What the size field says; default: the content's length. */
  readonly size?: number | bigint;
  /** What stands at the magic's place; default ustar's. */
  readonly magic?: string;
  readonly prefix?: string;
}

const blockBytes = 512;

/** An archive of these members, closed by two blocks of zeros unless `closed` is false. */
export function buildTar(members: readonly Member[], options: { readonly closed?: boolean } = {}): Buffer {
  const parts = members.flatMap(memberBytes);
  if (options.closed !== false) parts.push(Buffer.alloc(2 * blockBytes));
  return Buffer.concat(parts);
}

/** One record of an extended header: its length counts its own digits. */
export function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, "latin1"), Buffer.from(value as string), Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function memberBytes(member: Member): Buffer[] {
  const parts: Buffer[] = [];
  if (member.pax !== undefined) {
    const records = Buffer.concat(member.pax.map(([key, value]) => paxRecord(key, value)));
    parts.push(headerBlock({ name: "pax", type: "x", content: records }), padded(records));
  }
  const content = Buffer.from((member.content ?? "") as string);
  parts.push(headerBlock(member), padded(content));
  return parts;
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes)]);
}

function headerBlock(member: Member): Buffer {
  const block = Buffer.alloc(blockBytes);
  const name = Buffer.from(member.name as string);
  name.copy(block, 0, 0, 100);
  const folder = name.at(-1) === 0x2f;
  octal(block, 100, 8, member.mode ?? (folder ? 0o755 : 0o644));
  octal(block, 108, 8, member.uid ?? 0);
  octal(block, 116, 8, member.gid ?? 0);
  octal(block, 124, 12, member.size ?? Buffer.from((member.content ?? "") as string).length);
  octal(block, 136, 12, member.mtime ?? 0);
  block.write(member.type ?? (folder ? "5" : "0"), 156, 1, "latin1");
  Buffer.from((member.link ?? "") as string).copy(block, 157, 0, 100);
  block.write(member.magic ?? "ustar\x0000", 257, 8, "latin1");
  octal(block, 329, 8, member.devMajor ?? 0);
  octal(block, 337, 8, member.devMinor ?? 0);
  block.write(member.prefix ?? "", 345, 155, "latin1");
  block.fill(" ", 148, 156);
  octal(
    block,
    148,
    7,
    block.reduce((sum, byte) => sum + byte, 0),
  );
  return block;
}

/** Octal digits where they fit, GNU tar's base-256 where they do not. */
function octal(block: Buffer, at: number, width: number, value: number | bigint): void {
  const digits = BigInt(value).toString(8);
  if (value >= 0 && digits.length < width) {
    block.write(`${digits.padStart(width - 1, "0")}\0`, at, width, "latin1");
    return;
  }
  let rest = BigInt.asUintN(width * 8, BigInt(value));
  for (let index = width - 1; index >= 0; index--) {
    block[at + index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  block[at] = (block[at] ?? 0) | 0x80;
}
