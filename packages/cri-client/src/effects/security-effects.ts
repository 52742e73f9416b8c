import { grpcStatus } from "@keelson/cri-api/errors";
import {
  type ContainerConfig,
  type Mount,
  NamespaceMode,
  type NamespaceOption,
  type PodSandboxConfig,
  type RuntimeHandlerFeatures,
  Signal,
  SupplementalGroupsPolicy,
} from "@keelson/cri-api/v1";
import type { Circumstances, SecurityEffect } from "./effect.ts";
import { shownMinor } from "./shown-minor.ts";

/** What a pod and a container ask for in fields of the same names. */
export const podEffects: readonly SecurityEffect<PodSandboxConfig | ContainerConfig>[] = [
  {
    name: "a user namespace",
    fields: ["linux.security_context.namespace_options.userns_options"],
    broughtIn: 25,
    shownBy:
      "a handler with `user_namespaces`: the field is in the protocol of runtimes that ignore it (containerd 1.6) or keep it without its mounts (1.7)",
    asked: (place) => asksUserNamespace(place.linux?.securityContext?.namespaceOptions),
    kept: (circumstances) => handlerShows(circumstances, "userNamespaces"),
  },
  {
    name: "a user namespace in the host's network",
    fields: ["linux.security_context.namespace_options.userns_options"],
    broughtIn: 36,
    shownBy: "`features.user_namespaces_host_network`",
    asked: (place) => {
      const namespaces = place.linux?.securityContext?.namespaceOptions;
      return namespaces?.network === NamespaceMode.NODE && asksUserNamespace(namespaces);
    },
    kept: ({ facts }) => facts.features?.userNamespacesHostNetwork === true,
  },
  {
    name: "exactly the supplemental groups that are named",
    fields: ["linux.security_context.supplemental_groups_policy"],
    broughtIn: 31,
    shownBy: "`features.supplemental_groups_policy`",
    asked: (place) => {
      const context = place.linux?.securityContext;
      return context !== undefined && context.supplementalGroupsPolicy !== SupplementalGroupsPolicy.Merge;
    },
    kept: ({ facts }) => facts.features?.supplementalGroupsPolicy === true,
  },
];

/** What only a container asks for. */
export const containerEffects: readonly SecurityEffect<ContainerConfig>[] = [
  {
    name: "devices by their CDI names",
    fields: ["CDI_devices"],
    broughtIn: 27,
    shownBy:
      "handlers or features in Status: before 1.30 a runtime may know the field and have CDI off (containerd 1.7's default)",
    asked: (config) => config.CDIDevices.length > 0,
    kept: ({ facts }) => shownMinor(facts) >= 30,
  },
  {
    name: "a stop signal of its own",
    fields: ["stop_signal"],
    broughtIn: 33,
    shownBy:
      "UpdatePodSandboxResources that looks for the pod (NOT_FOUND), or anything of 1.36: containerd 2.2 answers that call without looking and ignores the field",
    asked: (config) => config.stopSignal !== Signal.RUNTIME_DEFAULT,
    kept: ({ facts }) =>
      facts.statuses.get("RuntimeService/UpdatePodSandboxResources") === grpcStatus.NOT_FOUND ||
      shownMinor(facts) >= 36,
  },
];

/** What one mount of a container asks for. */
export const mountEffects: readonly SecurityEffect<Mount>[] = [
  {
    name: "a recursive read-only mount",
    fields: ["recursive_read_only"],
    broughtIn: 30,
    shownBy: "a handler with `recursive_read_only_mounts`",
    asked: (mount) => mount.recursiveReadOnly,
    kept: (circumstances) => handlerShows(circumstances, "recursiveReadOnlyMounts"),
  },
  {
    name: "a mount with mapped owners",
    fields: ["uidMappings", "gidMappings"],
    broughtIn: 27,
    shownBy: "a handler with `user_namespaces`, which means mapped mounts too",
    asked: (mount) => mount.uidMappings.length > 0 || mount.gidMappings.length > 0,
    kept: (circumstances) => handlerShows(circumstances, "userNamespaces"),
  },
  {
    name: "an image as a mount",
    fields: ["image"],
    broughtIn: 31,
    withPlace: true,
    shownBy:
      "features in Status; with a `host_path` beside it, which no kubelet sends, anything of 1.33. A runtime that shows features and has no image mounts (containerd 2.0) fails without a `host_path`",
    asked: (mount) => mount.image !== undefined,
    kept: ({ facts }, mount) => shownMinor(facts) >= (mount.hostPath === "" ? 31 : 33),
  },
  {
    name: "a part of an image as a mount",
    fields: ["image_sub_path"],
    broughtIn: 33,
    shownBy: "UpdatePodSandboxResources or anything newer (containerd 2.1 mounts images whole, and has no such call)",
    asked: (mount) => mount.imageSubPath !== "",
    kept: ({ facts }) => shownMinor(facts) >= 33,
  },
  {
    name: "a mount with options of its own",
    fields: ["mount_options"],
    broughtIn: 37,
    shownBy: "`features.mount_options`",
    asked: (mount) => mount.mountOptions.length > 0,
    kept: ({ facts }) => facts.features?.mountOptions === true,
  },
];

/** NODE, the host's own, is what every ordinary pod sends. */
function asksUserNamespace(namespaces: NamespaceOption | undefined): boolean {
  return namespaces?.usernsOptions !== undefined && namespaces.usernsOptions.mode !== NamespaceMode.NODE;
}

/**
 * A container's request does not name its handler. One handler that shows the feature is enough for it: such a runtime
 * knows the field, and refuses it itself for the handlers that lack it (containerd 2.0, CRI-O 1.30 and after).
 */
function handlerShows(
  { facts, handler }: Circumstances,
  feature: "recursiveReadOnlyMounts" | "userNamespaces",
): boolean {
  const shows = (features: RuntimeHandlerFeatures | undefined): boolean => features?.[feature] === true;
  return facts.handlers.some((one) => (handler === undefined || one.name === handler) && shows(one.features));
}
