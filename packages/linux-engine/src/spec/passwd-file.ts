import { failedPrecondition } from "@keelson/cri-api/errors";

/**
 * `passwd` and `group` of an image (passwd(5), group(5)). They are bytes of a stranger: a line is at most 4 KiB, numbers
 * are strict decimals, names are compared byte by byte. A line that is malformed is skipped, as libc does.
 */
export interface PasswdEntry {
  /** Byte by byte, one character each. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

const maxLineBytes = 4096;
const mend = { hint: "have the image's publisher mend the file" };

export function passwdByName(file: Buffer | undefined, name: string): PasswdEntry | undefined {
  const bytes = asBytes(name);
  return find(file, (entry) => entry.name === bytes);
}

export function passwdByUid(file: Buffer | undefined, uid: number): PasswdEntry | undefined {
  return find(file, (entry) => entry.uid === uid);
}

/** The number of the group with this name. */
export function groupByName(file: Buffer | undefined, name: string): number | undefined {
  const bytes = asBytes(name);
  for (const [group, , gid] of lines(file, "/etc/group")) {
    if (group === bytes && gid !== undefined) {
      const number = readNumber(gid);
      if (number !== undefined) return number;
    }
  }
  return undefined;
}

/**
 * The groups that list a user as a member.
 * @param name as {@link PasswdEntry.name} has it
 * @throws FAILED_PRECONDITION above `max`
 */
export function groupsOf(file: Buffer | undefined, name: string, max: number): number[] {
  const gids = new Set<number>();
  for (const [, , gid, members] of lines(file, "/etc/group")) {
    if (gid === undefined || members === undefined || !members.split(",").includes(name)) continue;
    const number = readNumber(gid);
    if (number !== undefined) gids.add(number);
    if (gids.size > max) {
      throw failedPrecondition(`read /etc/group of the image: a user is in more than ${max} groups`, mend);
    }
  }
  return [...gids];
}

function find(
  file: Buffer | undefined,
  matches: (entry: Omit<PasswdEntry, "home">) => boolean,
): PasswdEntry | undefined {
  for (const [name, , uidText, gidText, , home] of lines(file, "/etc/passwd")) {
    if (name === undefined || name === "" || uidText === undefined || gidText === undefined) continue;
    const uid = readNumber(uidText);
    const gid = readNumber(gidText);
    if (uid === undefined || gid === undefined || !matches({ name, uid, gid })) continue;
    return { name, uid, gid, home: readHome(home ?? "") };
  }
  return undefined;
}

function* lines(file: Buffer | undefined, path: string): Generator<string[]> {
  if (file === undefined) return;
  for (let start = 0; start < file.length; ) {
    const newline = file.indexOf(0x0a, start);
    const end = newline === -1 ? file.length : newline;
    if (end - start > maxLineBytes) {
      throw failedPrecondition(`read ${path} of the image: a line is longer than ${maxLineBytes} bytes`, mend);
    }
    yield file.toString("latin1", start, end).split(":");
    start = end + 1;
  }
}

/** Becomes HOME, so control characters are refused (THREATS T5.05). */
function readHome(bytes: string): string {
  const home = Buffer.from(bytes, "latin1").toString("utf8");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\u0000-\u001f\u007f\ufffd]/.test(home)) {
    throw failedPrecondition("read /etc/passwd of the image: a home holds control characters or is not UTF-8", mend);
  }
  return home === "" ? "/" : home;
}

function readNumber(text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 2 ** 31 - 1 ? value : undefined;
}

function asBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
