import {
  type Capability,
  CapabilitySchema,
  type LinuxContainerSecurityContext,
  LinuxContainerSecurityContextSchema,
  type LinuxSandboxSecurityContext,
  LinuxSandboxSecurityContextSchema,
  type SELinuxOption,
  SELinuxOptionSchema,
  type SecurityProfile,
  SecurityProfileSchema,
  SupplementalGroupsPolicy,
} from "@keelson/cri-api/v1";
import { refuseAppArmor } from "../apparmor.ts";
import { refuseCapabilities } from "../capabilities.ts";
import { refuseSeccomp } from "../seccomp/build-seccomp.ts";
import { type FieldRule, honoured, ignored, type RuleTable, refused, ruleTable } from "./rule.ts";

const ofInit = "build-init-spec.ts, for the first process of shared process IDs; other sandboxes have no process";
const noProcess =
  "a sandbox has no process but the first of shared process IDs, which has RuntimeDefault and no rights";

/** Of a field and its older form the one that decides is the one to name. */
type Decides = (context: LinuxContainerSecurityContext) => boolean;

const appArmor = <Value>(decides: Decides): FieldRule<LinuxContainerSecurityContext, Value> =>
  honoured("apparmor.ts; a profile that is not loaded on this host is refused", (_value, at, context) =>
    decides(context) ? refuseAppArmor(context, at.facts) : undefined,
  );
const seccomp = <Value>(decides: Decides): FieldRule<LinuxContainerSecurityContext, Value> =>
  honoured("seccomp/; a profile on a host that can't filter is refused", (_value, at, context) =>
    decides(context) ? refuseSeccomp(context, at.facts) : undefined,
  );
const capabilities: FieldRule<Capability, string[]> = honoured(
  "capabilities.ts; one that the host can't give is refused",
  (names, at) => refuseCapabilities(names, at.facts),
);
const label: FieldRule<SELinuxOption, string> = refused("any label", (value) =>
  value === "" ? undefined : "SELinux labels are not kept yet",
);

export const securityRules: readonly RuleTable[] = [
  ruleTable<LinuxContainerSecurityContext>(LinuxContainerSecurityContextSchema, {
    capabilities: honoured("Capability"),
    privileged: honoured("all files of this folder; refused in a sandbox that is not privileged", (value, at) =>
      value && at.sandbox.linux?.securityContext?.privileged !== true ? "the sandbox is not privileged" : undefined,
    ),
    namespaceOptions: honoured("NamespaceOption"),
    selinuxOptions: honoured("SELinuxOption"),
    runAsUser: honoured("users.ts"),
    runAsGroup: honoured("users.ts"),
    runAsUsername: honoured("users.ts"),
    readonlyRootfs: honoured("build-container-spec.ts"),
    supplementalGroups: honoured("users.ts"),
    supplementalGroupsPolicy: honoured("users.ts; an unknown policy is refused", (policy) =>
      policy === SupplementalGroupsPolicy.Merge || policy === SupplementalGroupsPolicy.Strict
        ? undefined
        : "this policy is not known",
    ),
    noNewPrivs: honoured("build-container-spec.ts"),
    maskedPaths: honoured("masked-paths.ts"),
    readonlyPaths: honoured("masked-paths.ts"),
    seccomp: seccomp((context) => context.seccomp !== undefined),
    apparmor: appArmor((context) => context.apparmor !== undefined),
    apparmorProfile: appArmor((context) => context.apparmor === undefined),
    seccompProfilePath: seccomp((context) => context.seccomp === undefined),
  }),
  ruleTable<LinuxSandboxSecurityContext>(LinuxSandboxSecurityContextSchema, {
    namespaceOptions: honoured("NamespaceOption"),
    selinuxOptions: honoured("SELinuxOption"),
    runAsUser: honoured(ofInit),
    runAsGroup: honoured(ofInit),
    readonlyRootfs: ignored("the first process of shared process IDs has a read-only root, whatever is asked"),
    supplementalGroups: honoured(ofInit),
    supplementalGroupsPolicy: ignored(
      "the first process of shared process IDs has no image whose groups could be merged",
    ),
    privileged: honoured("admits privileged containers"),
    seccomp: ignored(noProcess),
    apparmor: ignored(noProcess),
    seccompProfilePath: ignored(noProcess),
  }),
  ruleTable<Capability>(CapabilitySchema, {
    addCapabilities: capabilities,
    dropCapabilities: honoured("capabilities.ts"),
    addAmbientCapabilities: capabilities,
  }),
  ruleTable<SELinuxOption>(SELinuxOptionSchema, { user: label, role: label, type: label, level: label }),
  ruleTable<SecurityProfile>(SecurityProfileSchema, {
    profileType: honoured("seccomp/profile-choice.ts"),
    localhostRef: honoured("seccomp/profile-choice.ts"),
  }),
];
