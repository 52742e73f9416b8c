import { type Device, DeviceSchema, type Mount, MountSchema } from "@keelson/cri-api/v1";
import { honoured, ignored, type RuleTable, refused, ruleTable } from "./rule.ts";

export const mountRules: readonly RuleTable[] = [
  ruleTable<Mount>(MountSchema, {
    containerPath: honoured("mount-targets.ts"),
    hostPath: honoured("mounts.ts; the engine makes a missing one as a folder"),
    readonly: honoured("mounts.ts"),
    selinuxRelabel: ignored(
      "containers get no SELinux label, so that nothing needs one to be read by them",
      (at) => !at.facts.selinux,
    ),
    propagation: honoured("mounts.ts"),
    uidMappings: refused("any mapping", (list) => (list.length === 0 ? undefined : "mapped mounts are not kept yet")),
    gidMappings: refused("any mapping", (list) => (list.length === 0 ? undefined : "mapped mounts are not kept yet")),
    recursiveReadOnly: honoured("mounts.ts; refused where the OCI runtime can't", (value, at) =>
      value && !at.facts.recursiveReadOnlyMounts ? "the OCI runtime can't make a whole tree read-only" : undefined,
    ),
    image: honoured("mounts.ts; the engine mounts it, without devices and set-user-ID; goes with readonly"),
    imageSubPath: honoured(
      "mounts.ts; the engine resolves it inside the image; refused without an image",
      (path, _at, mount) => (path === "" || (mount.image?.image ?? "") !== "" ? undefined : "it needs an image"),
    ),
    mountOptions: refused("any option", (list) => (list.length === 0 ? undefined : "mount options are not kept yet")),
  }),
  ruleTable<Device>(DeviceSchema, {
    containerPath: honoured("devices.ts"),
    hostPath: honoured("devices.ts"),
    permissions: honoured("devices.ts"),
  }),
];
