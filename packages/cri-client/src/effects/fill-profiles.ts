import { create } from "@bufbuild/protobuf";
import { type SecurityProfile, SecurityProfile_ProfileType, SecurityProfileSchema } from "@keelson/cri-api/v1";
import type { Draft } from "./draft.ts";
import type { Path, Place } from "./places.ts";

/**
 * Has the seccomp and AppArmor profiles that are asked for stand in both of their fields. containerd 1.4, and cri-dockerd on
 * v1, read only the deprecated ones, a CRI-O of today only the new ones: they would run the container unconfined. Where
 * both are set the new one counts, as it does for runtimes that read both.
 */
export function fillProfiles(draft: Draft, places: readonly Place[]): void {
  for (const { kind, path, config } of places) {
    const context = config.linux?.securityContext;
    if (context === undefined) continue;
    const at = [...path, "linux", "securityContext"];
    fill(draft, at, { field: "seccomp", old: "seccompProfilePath" }, context.seccomp, context.seccompProfilePath);
    // a pod's context has no such field: AppArmor confines containers
    if (kind === "container" && config.linux?.securityContext !== undefined) {
      const { apparmor, apparmorProfile } = config.linux.securityContext;
      fill(draft, at, { field: "apparmor", old: "apparmorProfile" }, apparmor, apparmorProfile);
    }
  }
}

function fill(
  draft: Draft,
  at: Path,
  names: { readonly field: string; readonly old: string },
  profile: SecurityProfile | undefined,
  oldProfile: string,
): void {
  if (profile === undefined) {
    const read = readProfile(oldProfile);
    if (read !== undefined) draft.set(at, names.field, create(SecurityProfileSchema, read));
    return;
  }
  const written = writeProfile(profile);
  if (written !== undefined && written !== oldProfile) draft.set(at, names.old, written);
}

const localhost = "localhost/";

/** In the form of the annotations of old. Undefined for a type that they can't say. */
function writeProfile({ profileType, localhostRef }: SecurityProfile): string | undefined {
  switch (profileType) {
    case SecurityProfile_ProfileType.RuntimeDefault:
      return "runtime/default";
    case SecurityProfile_ProfileType.Unconfined:
      return "unconfined";
    case SecurityProfile_ProfileType.Localhost:
      return localhostRef.startsWith(localhost) ? localhostRef : `${localhost}${localhostRef}`;
    default:
      return undefined;
  }
}

/** Undefined for what is in none of the forms of old. */
function readProfile(text: string): Pick<SecurityProfile, "profileType" | "localhostRef"> | undefined {
  if (text === "runtime/default" || text === "docker/default") {
    return { profileType: SecurityProfile_ProfileType.RuntimeDefault, localhostRef: "" };
  }
  if (text === "unconfined") return { profileType: SecurityProfile_ProfileType.Unconfined, localhostRef: "" };
  if (!text.startsWith(localhost)) return undefined;
  return { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: text.slice(localhost.length) };
}
