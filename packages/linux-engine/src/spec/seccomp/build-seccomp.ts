import type { ContainerConfig, LinuxContainerSecurityContext } from "@keelson/cri-api/v1";
import type { HostFacts } from "../host-facts.ts";
import { cleanPath } from "../path-rules.ts";
import type { Seccomp } from "../runtime-spec.ts";
import { buildDefaultProfile } from "./default-profile.ts";
import { parseLocalhostProfile } from "./localhost-profile.ts";
import { chooseSeccomp, refuseChoice } from "./profile-choice.ts";

export interface SeccompInput {
  readonly context: LinuxContainerSecurityContext | undefined;
  readonly facts: Pick<HostFacts, "architecture" | "kernel" | "seccomp">;
  /** The container's bounding set. */
  readonly capabilities: readonly string[];
  /** The text of the file that {@link localhostSeccompPath} names. */
  readonly localhostProfile: string | undefined;
}

/**
 * `linux.seccomp`; undefined filters nothing: Unconfined, privileged, nothing asked.
 * @throws FAILED_PRECONDITION for a profile on a host that can't filter; INVALID_ARGUMENT for a profile without a
 *   reference or with content that is none
 */
export function buildSeccomp(input: SeccompInput): Seccomp | undefined {
  const { facts } = input;
  const choice = chooseSeccomp(input.context);
  const why = refuseSeccomp(input.context, facts);
  if (why !== undefined) throw refuseChoice("seccomp", choice, why);
  if (choice.kind === "unconfined") return undefined;
  if (choice.kind === "runtime-default") return buildDefaultProfile(input.capabilities, facts);
  if (input.localhostProfile === undefined) throw new Error(`build spec: profile ${choice.ref} was not read`);
  return parseLocalhostProfile(input.localhostProfile, { capabilities: input.capabilities, facts });
}

/**
 * The file that holds the container's seccomp profile, which the engine reads and hands to the builder (regular file, at
 * most {@link maxProfileBytes}); undefined when it asks for none of its own.
 * @throws INVALID_ARGUMENT for an empty reference or one that is not an absolute path
 */
export function localhostSeccompPath(config: ContainerConfig): string | undefined {
  const choice = chooseSeccomp(config.linux?.securityContext);
  return choice.kind === "localhost"
    ? cleanPath(choice.ref, "linux.security_context.seccomp.localhost_ref")
    : undefined;
}

/** Why the profile that a container asks for can't be kept; undefined when it can. @throws INVALID_ARGUMENT */
export function refuseSeccomp(
  context: LinuxContainerSecurityContext | undefined,
  facts: Pick<HostFacts, "seccomp">,
): string | undefined {
  return facts.seccomp || chooseSeccomp(context).kind === "unconfined"
    ? undefined
    : "this host can't filter system calls";
}
