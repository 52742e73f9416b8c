import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import { type LinuxContainerSecurityContext, SupplementalGroupsPolicy } from "@keelson/cri-api/v1";
import { groupByName, groupsOf, type PasswdEntry, passwdByName, passwdByUid } from "./passwd-file.ts";

/** Who a container's process is. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Ascending, without repetition, with `gid` among them (THREATS T5.03). */
  readonly additionalGids: readonly number[];
  /** The home of the user's line in `/etc/passwd`; undefined without a line. */
  readonly home: string | undefined;
}

/**
 * Reads a file of the container's root file system: regular, at most 1 MiB, every part of its path resolved inside that
 * root. Undefined when it is not there.
 */
export type RootFileReader = (path: string) => Promise<Buffer | undefined>;

export interface UserInput {
  readonly context: LinuxContainerSecurityContext | undefined;
  /** `User` of the image configuration. */
  readonly imageUser: string | undefined;
  readonly readFile: RootFileReader;
}

/** The highest number of a user or group that a request can name. */
const maxId = 2 ** 31 - 1;
const maxGroups = 65_536;

/**
 * Resolves the user: `run_as_user`, else `run_as_username`, else the image's, else root. A user made of digits is a
 * number and never a name (T5.01). The group is `run_as_group`, else the image's, else that of the user's line in
 * `/etc/passwd`, else 0. Groups of `/etc/group` join with the policy Merge, not with Strict.
 * @throws INVALID_ARGUMENT for a user or group of the request that is no number in range or is not in the image;
 *   FAILED_PRECONDITION for such a one of the image, and for a passwd or group file that can't be trusted
 */
export async function resolveUser(input: UserInput): Promise<ResolvedUser> {
  const { context, readFile } = input;
  const wanted = checkUser(context) ?? readImageUser(input.imageUser ?? "");
  const passwd = await readFile("/etc/passwd");
  const entry = typeof wanted.user === "number" ? passwdByUid(passwd, wanted.user) : passwdByName(passwd, wanted.user);
  if (typeof wanted.user === "string" && entry === undefined) {
    throw wanted.refuse(`find user ${quote(wanted.user)}: it is not in the image's /etc/passwd`);
  }
  const uid = typeof wanted.user === "number" ? wanted.user : (entry?.uid ?? 0);
  const strict = context?.supplementalGroupsPolicy === SupplementalGroupsPolicy.Strict;
  const group = strict && typeof wanted.group !== "string" ? undefined : await readFile("/etc/group");
  const gid = primaryGroup(wanted, entry, group);
  const own = strict || entry === undefined ? [] : groupsOf(group, entry.name, maxGroups);
  const gids = new Set([gid, ...own, ...readSupplementalGroups(context)]);
  if (gids.size > maxGroups) throw failedPrecondition(`set groups: ${gids.size} are more than ${maxGroups}`);
  return { uid, gid, additionalGids: [...gids].sort((a, b) => a - b), home: entry?.home };
}

interface WantedUser {
  readonly user: number | string;
  readonly group: number | string | undefined;
  readonly refuse: (message: string) => Error;
}

/**
 * What the request says of the user; undefined leaves it to the image.
 * @throws INVALID_ARGUMENT for numbers out of range and for a group without a user (as the CRI demands)
 */
export function checkUser(context: LinuxContainerSecurityContext | undefined): WantedUser | undefined {
  const path = "linux.security_context";
  const group =
    context?.runAsGroup === undefined ? undefined : readId(context.runAsGroup.value, `${path}.run_as_group`);
  const refuse = (message: string) => invalidArgument(message, { hint: "name a user of the image, or its number" });
  readSupplementalGroups(context);
  if (context?.runAsUser !== undefined) {
    return { user: readId(context.runAsUser.value, `${path}.run_as_user`), group, refuse };
  }
  const name = context?.runAsUsername ?? "";
  if (name !== "") {
    if (/[:/\s\0]/.test(name)) throw invalidArgument(`read ${path}.run_as_username: ${quote(name)} is not a user name`);
    return { user: nameOrNumber(name, `${path}.run_as_username`, refuse), group, refuse };
  }
  if (group !== undefined) {
    throw invalidArgument(`read ${path}.run_as_group: run_as_user or run_as_username must be set with it`);
  }
  return undefined;
}

function readSupplementalGroups(context: LinuxContainerSecurityContext | undefined): number[] {
  return (context?.supplementalGroups ?? []).map((gid, index) =>
    readId(gid, `linux.security_context.supplemental_groups[${index}]`),
  );
}

/** `USER`, `USER:GROUP` of an image, each a name or a number. */
function readImageUser(text: string): WantedUser {
  const refuse = (message: string) => failedPrecondition(message, { hint: "set run_as_user, or mend the image" });
  const field = "the image's User";
  if (text === "") return { user: 0, group: undefined, refuse };
  const [user = "", group, ...rest] = text.split(":");
  if (rest.length > 0 || /[\s\0]/.test(text)) throw refuse(`read ${field}: ${quote(text)} is not USER or USER:GROUP`);
  return {
    user: user === "" ? 0 : nameOrNumber(user, field, refuse),
    group: group === undefined || group === "" ? undefined : nameOrNumber(group, field, refuse),
    refuse,
  };
}

function primaryGroup(wanted: WantedUser, entry: PasswdEntry | undefined, file: Buffer | undefined): number {
  if (typeof wanted.group === "number") return wanted.group;
  if (wanted.group === undefined) return entry?.gid ?? 0;
  const gid = groupByName(file, wanted.group);
  if (gid === undefined) throw wanted.refuse(`find group ${quote(wanted.group)}: it is not in the image's /etc/group`);
  return gid;
}

function nameOrNumber(text: string, field: string, refuse: (message: string) => Error): number | string {
  if (!/^[0-9]+$/.test(text)) return text;
  // Strict decimal: "01" could be read as octal elsewhere, a long one would wrap.
  const value = /^(0|[1-9][0-9]{0,9})$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= maxId)) throw refuse(`read ${field}: ${quote(text)} is not a number from 0 to ${maxId}`);
  return value;
}

/** A number of a user or group. @throws INVALID_ARGUMENT out of range */
export function readId(value: bigint, field: string): number {
  if (value < 0n || value > BigInt(maxId)) throw invalidArgument(`read ${field}: ${value} is not in 0…${maxId}`);
  return Number(value);
}
