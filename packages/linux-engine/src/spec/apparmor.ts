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
  const { apparmor } = facts;
  if (choice.kind === "unconfined") return undefined;
  if (choice.kind === "runtime-default") {
    if (apparmor === undefined) return undefined;
    if (apparmor.runtimeDefault !== undefined) return apparmor.runtimeDefault;
    throw refuseChoice("apparmor", choice, "no profile for it is loaded on this host");
  }
  if (apparmor === undefined) throw refuseChoice("apparmor", choice, "this host has no AppArmor");
  if (apparmor.loaded.has(choice.ref)) return choice.ref;
  throw refuseChoice("apparmor", choice, "this profile is not loaded on this host");
}
