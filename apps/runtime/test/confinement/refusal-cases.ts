import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type IDMappingSchema,
  MountPropagation,
  NamespaceMode,
  type NamespaceOptionSchema,
  SELinuxOptionSchema,
  SecurityProfile_ProfileType,
} from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import type { Refusal } from "../harness/refusals.ts";
import { observes, refuses } from "./claims.ts";
import type { Stage } from "./stage.ts";

const { POD, CONTAINER, NODE, TARGET } = NamespaceMode;
const mapping: MessageInitShape<typeof IDMappingSchema>[] = [{ hostId: 100_000, containerId: 0, length: 65_536 }];
type Options = Exclude<MessageInitShape<typeof NamespaceOptionSchema>, { $typeName: string }>;

/** Each value that is not kept is refused before anything is made, and the answer names its field. */
export function refusalCases(stage: () => Stage): void {
  const context = "linux\\.security_context";
  const admit = (call: () => Promise<unknown>, field: string, why = ""): Refusal => [
    call,
    "FAILED_PRECONDITION",
    new RegExp(`${field}: value is .*${why}|${field.replace(/\\\.[a-z_]+$/, "")}.*${why}`),
  ];
  const inSandbox = (options: Options, field: string): Refusal =>
    admit(
      () => stage().runPod({ linux: { securityContext: { namespaceOptions: { pid: CONTAINER, ...options } } } }),
      `${context}\\.namespace_options\\.${field}`,
    );
  const inContainer = (options: Options, field: string): Refusal =>
    admit(
      () => stage().create({ security: { namespaceOptions: { pid: CONTAINER, ...options } } }),
      `${context}\\.namespace_options\\.${field}`,
    );
  const container = (options: Parameters<Stage["create"]>[0], field: string): Refusal =>
    admit(() => stage().create(options), field);

  describe("refused by name, with nothing left behind", () => {
    test(
      "namespaces that a pod has not",
      refuses(
        ...["network", "ipc"].flatMap((kind) => [
          `NamespaceOption.${kind}=CONTAINER`,
          `NamespaceOption.${kind}=TARGET`,
        ]),
        ...["NamespaceOption.network=NODE", "NamespaceOption.ipc=NODE", "NamespaceOption.pid=NODE"],
        ...["NamespaceOption.pid=POD", "NamespaceOption.pid=TARGET", "NamespaceOption.target_id"],
      ),
      async () => {
        const refusals: Refusal[] = [];
        for (const at of [inSandbox, inContainer]) {
          for (const mode of [CONTAINER, TARGET])
            refusals.push(at({ network: mode }, "network"), at({ ipc: mode }, "ipc"));
          refusals.push(
            at({ pid: POD }, "pid"),
            at({ pid: TARGET, targetId: "x" }, "pid"),
            at({ pid: 9 as NamespaceMode }, "pid"),
          );
        }
        // a container can't have of the host what its sandbox has of its own
        refusals.push(
          inContainer({ network: NODE }, "network"),
          inContainer({ ipc: NODE }, "ipc"),
          inContainer({ pid: NODE }, "pid"),
        );
        await stage().refused(...refusals);
      },
    );

    test(
      "user namespaces",
      refuses(
        ...["POD", "CONTAINER", "TARGET"].map((mode) => `UserNamespace.mode=${mode}`),
        "UserNamespace.uids",
        "UserNamespace.gids",
      ),
      async () => {
        const refusals = [inSandbox, inContainer].flatMap((at): Refusal[] => [
          ...[POD, CONTAINER, TARGET].map((mode) => at({ usernsOptions: { mode } }, "userns_options\\.mode")),
          at({ usernsOptions: { mode: NODE, uids: mapping } }, "userns_options\\.uids"),
          at({ usernsOptions: { mode: NODE, gids: mapping } }, "userns_options\\.gids"),
        ]);
        await stage().refused(...refusals);
      },
    );

    test(
      "SELinux labels",
      refuses(...["user", "role", "type", "level"].map((part) => `SELinuxOption.${part}`)),
      async () => {
        const refusals = (["user", "role", "type", "level"] as const).flatMap((part): Refusal[] => {
          const selinuxOptions = create(SELinuxOptionSchema, { [part]: "x_t" });
          const field = `${context}\\.selinux_options\\.${part}`;
          const namespaceOptions = { pid: CONTAINER };
          return [
            container({ security: { selinuxOptions } }, field),
            admit(() => stage().runPod({ linux: { securityContext: { namespaceOptions, selinuxOptions } } }), field),
          ];
        });
        await stage().refused(...refusals);
        await stage().look("true", { security: { selinuxOptions: create(SELinuxOptionSchema) } });
      },
    );

    test(
      "AppArmor profiles that this machine has not",
      refuses("LinuxContainerSecurityContext.apparmor", "LinuxContainerSecurityContext.apparmor_profile"),
      async () => {
        const { RuntimeDefault, Localhost } = SecurityProfile_ProfileType;
        const none = { profileType: Localhost, localhostRef: "keelson-has-no-such-profile" };
        await stage().refused(
          container({ security: { apparmor: none } }, `${context}\\.apparmor`),
          container(
            { security: { apparmorProfile: "localhost/keelson-has-no-such-profile" } },
            `${context}\\.apparmor_profile`,
          ),
          ...(stage().facts.apparmor === undefined
            ? []
            : [container({ security: { apparmor: { profileType: RuntimeDefault } } }, `${context}\\.apparmor`)]),
        );
      },
    );

    test(
      "AppArmor where there is none: the default and Unconfined ask for nothing",
      observes("LinuxContainerSecurityContext.apparmor", "LinuxContainerSecurityContext.apparmor_profile"),
      async () => {
        const { Unconfined, RuntimeDefault } = SecurityProfile_ProfileType;
        const script = "cat /proc/self/attr/current 2>/dev/null; echo; echo ran";
        const profileType = stage().facts.apparmor === undefined ? RuntimeDefault : Unconfined;
        for (const security of [{ apparmor: { profileType } }, { apparmorProfile: "unconfined" }]) {
          const { lines } = await stage().look(script, { security });
          expect(lines.filter((line) => line !== "" && !line.startsWith("unconfined"))).toEqual(["ran"]);
        }
      },
    );

    test(
      "rights that nobody can give",
      refuses(
        "LinuxContainerSecurityContext.privileged",
        "LinuxContainerSecurityContext.supplemental_groups_policy",
        "Capability.add_capabilities",
        "Capability.add_ambient_capabilities",
      ),
      async () => {
        const missing = ["CAP_SYS_RESOURCE", "CAP_SYS_MODULE", "CAP_MAC_ADMIN"].filter(
          (name) => !stage().facts.capabilities.has(name),
        );
        const capabilities = missing
          .slice(0, 1)
          .flatMap((name): Refusal[] => [
            container(
              { security: { capabilities: { addCapabilities: [name] } } },
              `${context}\\.capabilities\\.add_capabilities`,
            ),
            container(
              { security: { capabilities: { addAmbientCapabilities: [name] } } },
              `${context}\\.capabilities\\.add_ambient_capabilities`,
            ),
          ]);
        await stage().refused(
          container({ security: { privileged: true } }, `${context}\\.privileged`),
          container({ security: { supplementalGroupsPolicy: 7 as never } }, `${context}\\.supplemental_groups_policy`),
          ...capabilities,
          [
            () => stage().create({ security: { capabilities: { addCapabilities: ["NONE"] } } }),
            "INVALID_ARGUMENT",
            /NONE.*is not a capability/,
          ],
        );
      },
    );

    test("kernel parameters of the machine", refuses("LinuxPodSandboxConfig.sysctls"), async () => {
      const sysctl = (name: string, namespaceOptions: Options): Refusal =>
        admit(
          () =>
            stage().runPod({
              hostname: "",
              linux: { sysctls: { [name]: "1" }, securityContext: { namespaceOptions } },
            }),
          "linux\\.sysctls",
        );
      await stage().refused(
        ...["kernel.core_pattern", "vm.max_map_count", "kernel.hostname", "fs.file-max", "kernel/panic"].map((name) =>
          sysctl(name, { pid: CONTAINER }),
        ),
        sysctl("net.ipv4.ip_forward", { pid: CONTAINER, network: NODE }),
        sysctl("kernel.shmmax", { pid: CONTAINER, ipc: NODE }),
      );
    });

    test(
      "mounts and devices that are not kept",
      refuses(
        ...["uidMappings", "gidMappings", "image", "image_sub_path", "mount_options", "propagation"].map(
          (name) => `Mount.${name}`,
        ),
        "ContainerConfig.CDI_devices",
      ),
      async () => {
        const mount = (more: object, field: string): Refusal =>
          container(
            { extra: { mounts: [{ containerPath: "/x", hostPath: "/etc", ...more }] } },
            `mounts\\[0\\]\\.${field}`,
          );
        await stage().refused(
          mount({ uidMappings: mapping }, "uidMappings"),
          mount({ gidMappings: mapping }, "gidMappings"),
          mount({ image: { image: stage().image }, hostPath: "" }, "image"),
          mount({ imageSubPath: "x" }, "image_sub_path"),
          mount({ mountOptions: ["noexec"] }, "mount_options"),
          mount({ hostPath: "/proc", propagation: MountPropagation.PROPAGATION_BIDIRECTIONAL }, "propagation"),
          mount({ hostPath: "/proc", propagation: MountPropagation.PROPAGATION_HOST_TO_CONTAINER }, "propagation"),
          container({ extra: { CDIDevices: [{ name: "vendor.com/gpu=0" }] } }, "CDI_devices"),
          [
            () => stage().create({ extra: { devices: [{ hostPath: "/etc/passwd" }] } }),
            "FAILED_PRECONDITION",
            /devices\[0\].*no device at/,
          ],
          [
            () => stage().create({ extra: { devices: [{ hostPath: "/dev/keelson-none" }] } }),
            "FAILED_PRECONDITION",
            /devices\[0\].*no device at/,
          ],
        );
      },
    );

    test(
      "limits that nothing here counts",
      refuses("LinuxContainerResources.unified", "HugepageLimit.limit"),
      async () => {
        const { facts } = stage();
        const key = facts.cgroupVersion === 1 ? "pids.max" : "cpu.weight";
        await stage().refused(
          container({ resources: { unified: { [key]: "100" } } }, "linux\\.resources\\.unified"),
          ...(facts.controllers.has("hugetlb")
            ? []
            : [
                container(
                  { resources: { hugepageLimits: [{ pageSize: "2MB", limit: 4n << 20n }] } },
                  "linux\\.resources\\.hugepage_limits\\[0\\]\\.limit",
                ),
              ]),
        );
      },
    );
  });
}
