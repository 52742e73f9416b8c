import type { LinuxContainerSecurityContext } from "@keelson/cri-api/v1";
import type { HostFacts } from "./host-facts.ts";
import { chooseAppArmor, refuseChoice } from "./seccomp/profile-choice.ts";

/**
 * `process.apparmorProfile`; undefined sets none. On a machine without AppArmor, RuntimeDefault and Unconfined ask for
 * nothing.
 * @throws FAILED_PRECONDITION for a profile that the kernel has not loaded; INVALID_ARGUMENT for an empty reference
 */
export function buildAppArmorProfile(
  context: LinuxContainerSecurityContext | undefined,
  facts: Pick<HostFacts, "apparmor">,
): string | undefined {
  const choice = chooseAppArmor(context);
  const why = refuseAppArmor(context, facts);
  if (why !== undefined) throw refuseChoice("apparmor", choice, why);
  if (choice.kind === "localhost") return choice.ref;
  return choice.kind === "runtime-default" ? facts.apparmor?.runtimeDefault : undefined;
}

/** Why the profile that a container asks for can't be kept; undefined when it can. @throws INVALID_ARGUMENT */
export function refuseAppArmor(
  context: LinuxContainerSecurityContext | undefined,
  { apparmor }: Pick<HostFacts, "apparmor">,
): string | undefined {
  const choice = chooseAppArmor(context);
  switch (choice.kind) {
    case "unconfined":
      return undefined;
    case "runtime-default":
      return apparmor === undefined || apparmor.runtimeDefault !== undefined
        ? undefined
        : "no profile for it is loaded on this host";
    case "localhost":
      if (apparmor === undefined) return "this host has no AppArmor";
      return apparmor.loaded.has(choice.ref) ? undefined : "this profile is not loaded on this host";
  }
}
