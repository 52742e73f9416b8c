import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import {
  type LinuxContainerSecurityContext,
  type SecurityProfile,
  SecurityProfile_ProfileType,
} from "@keelson/cri-api/v1";
import type { Reported } from "../host-facts.ts";

export type ProfileChoice =
  | { readonly kind: "unconfined" }
  | { readonly kind: "runtime-default" }
  /** `ref` is never empty. */
  | { readonly kind: "localhost"; readonly ref: string };

/**
 * The seccomp profile that a container asks for: the new field, else the deprecated one, else none. A privileged
 * container has none.
 * @throws INVALID_ARGUMENT for a Localhost profile without a reference (THREATS T3.08) and for an unknown type
 */
export function chooseSeccomp(context: LinuxContainerSecurityContext | undefined): ProfileChoice {
  if (context === undefined || context.privileged) return { kind: "unconfined" };
  return (
    readSecurityProfile(context.seccomp, "linux.security_context.seccomp") ??
    readProfilePath(context.seccompProfilePath, "linux.security_context.seccomp_profile_path") ?? { kind: "unconfined" }
  );
}

/** The AppArmor profile that a container asks for, by the same rules. @throws INVALID_ARGUMENT as {@link chooseSeccomp} */
export function chooseAppArmor(context: LinuxContainerSecurityContext | undefined): ProfileChoice {
  if (context === undefined || context.privileged) return { kind: "unconfined" };
  return (
    readSecurityProfile(context.apparmor, "linux.security_context.apparmor") ??
    readProfilePath(context.apparmorProfile, "linux.security_context.apparmor_profile") ?? { kind: "unconfined" }
  );
}

function readSecurityProfile(profile: SecurityProfile | undefined, field: string): ProfileChoice | undefined {
  if (profile === undefined) return undefined;
  switch (profile.profileType) {
    case SecurityProfile_ProfileType.RuntimeDefault:
      return { kind: "runtime-default" };
    case SecurityProfile_ProfileType.Unconfined:
      return { kind: "unconfined" };
    case SecurityProfile_ProfileType.Localhost:
      return localhost(profile.localhostRef, `${field}.localhost_ref`);
    default:
      throw invalidArgument(`read ${field}.profile_type: ${profile.profileType} is not a type`);
  }
}

/** The form of the annotations of old: `runtime/default`, `docker/default`, `unconfined`, `localhost/REF`. */
function readProfilePath(path: string, field: string): ProfileChoice | undefined {
  if (path === "") return undefined;
  if (path === "runtime/default" || path === "docker/default") return { kind: "runtime-default" };
  if (path === "unconfined") return { kind: "unconfined" };
  if (path.startsWith("localhost/")) return localhost(path.slice("localhost/".length), field);
  throw invalidArgument(`read ${field}: ${quote(path)} is not a profile`);
}

function localhost(ref: string, field: string): ProfileChoice {
  if (ref === "") throw invalidArgument(`read ${field}: a Localhost profile needs a reference`);
  if (ref.includes("\0") || ref.length > 4096) throw invalidArgument(`read ${field}: ${quote(ref)} is not a reference`);
  return { kind: "localhost", ref };
}

/** A privileged container that asks for a filter: it is told that it has none (Kubernetes documents it so). */
export function reportPrivileged(context: LinuxContainerSecurityContext | undefined): Reported[] {
  if (context?.privileged !== true) return [];
  const asked = readSecurityProfile(context.seccomp, "linux.security_context.seccomp");
  if (asked === undefined || asked.kind === "unconfined") return [];
  const why = "a privileged container is never filtered";
  return [{ field: "linux.security_context.seccomp", value: asked.kind, why }];
}

/** A choice that can't be kept. */
export function refuseChoice(field: string, choice: ProfileChoice, why: string): Error {
  const value = choice.kind === "localhost" ? `localhost ${quote(choice.ref)}` : choice.kind;
  return failedPrecondition(`set linux.security_context.${field}: value is ${value}, ${why}`);
}
