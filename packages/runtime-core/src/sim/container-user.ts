import { create } from "@bufbuild/protobuf";
import { invalidArgument, quote } from "@keelson/cri-api/errors";
import { type ContainerConfig, type ContainerUser, ContainerUserSchema } from "@keelson/cri-api/v1";

/** The users of every simulated image, with their primary groups. */
const users: ReadonlyMap<string, { readonly uid: bigint; readonly gid: bigint }> = new Map([
  ["root", { uid: 0n, gid: 0n }],
  ["daemon", { uid: 1n, gid: 1n }],
  ["www-data", { uid: 33n, gid: 33n }],
  ["nobody", { uid: 65_534n, gid: 65_534n }],
]);
const groups: ReadonlyMap<string, bigint> = new Map([
  ["root", 0n],
  ["daemon", 1n],
  ["www-data", 33n],
  ["users", 100n],
  ["nogroup", 65_534n],
]);

/**
 * As whom a container runs: the configuration's user, else the image's, else root. A number is never looked up as a name.
 * @throws INVALID_ARGUMENT for a name that is not in the image
 */
export function containerUser(config: ContainerConfig, imageUser: string): ContainerUser {
  const security = config.linux?.securityContext;
  const [ofImage = "", groupOfImage = ""] = imageUser.split(":");
  const asked = security?.runAsUser === undefined ? (security?.runAsUsername ?? "") : String(security.runAsUser.value);
  const name = asked === "" ? (ofImage === "" ? "root" : ofImage) : asked;
  const { uid, gid: primary } = findUser(name);
  const gid = security?.runAsGroup?.value ?? (asked === "" && groupOfImage !== "" ? findGroup(groupOfImage) : primary);
  const supplementalGroups = [...new Set([gid, ...(security?.supplementalGroups ?? [])])];
  return create(ContainerUserSchema, { linux: { uid, gid, supplementalGroups } });
}

function findUser(name: string): { readonly uid: bigint; readonly gid: bigint } {
  if (/^[0-9]{1,10}$/.test(name)) {
    const uid = BigInt(name);
    return [...users.values()].find((one) => one.uid === uid) ?? { uid, gid: 0n };
  }
  const found = users.get(name);
  if (found === undefined) throw invalidArgument(`find user ${quote(name)}: it is not in the image`);
  return found;
}

function findGroup(name: string): bigint {
  const found = /^[0-9]{1,10}$/.test(name) ? BigInt(name) : groups.get(name);
  if (found === undefined) throw invalidArgument(`find group ${quote(name)}: it is not in the image`);
  return found;
}
