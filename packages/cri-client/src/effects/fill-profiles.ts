import { type SecurityProfile, SecurityProfile_ProfileType } from "@keelson/cri-api/v1";
import type { Draft } from "./draft.ts";
import type { Place } from "./places.ts";

/**
 * Writes the seccomp and AppArmor profiles that are asked for into the deprecated fields as well, where those are empty:
 * containerd 1.4, and cri-dockerd on v1, read nothing else, and would run the container unconfined.
 */
export function fillProfiles(draft: Draft, places: readonly Place[]): void {
  for (const { kind, path, config } of places) {
    const context = config.linux?.securityContext;
    if (context === undefined) continue;
    const at = [...path, "linux", "securityContext"];
    if (context.seccompProfilePath === "") fill(draft, at, "seccompProfilePath", context.seccomp);
    // a pod's context has no such field: AppArmor confines containers
    if (kind === "container" && config.linux?.securityContext?.apparmorProfile === "") {
      fill(draft, at, "apparmorProfile", context.apparmor);
    }
  }
}

function fill(
  draft: Draft,
  at: readonly (string | number)[],
  property: string,
  profile: SecurityProfile | undefined,
): void {
  const path = profile === undefined ? undefined : profilePath(profile);
  if (path !== undefined) draft.set(at, property, path);
}

/** The form of the annotations of old. Undefined for a type that they can't say. */
function profilePath({ profileType, localhostRef }: SecurityProfile): string | undefined {
  switch (profileType) {
    case SecurityProfile_ProfileType.RuntimeDefault:
      return "runtime/default";
    case SecurityProfile_ProfileType.Unconfined:
      return "unconfined";
    case SecurityProfile_ProfileType.Localhost:
      return localhostRef.startsWith("localhost/") ? localhostRef : `localhost/${localhostRef}`;
    default:
      return undefined;
  }
}
