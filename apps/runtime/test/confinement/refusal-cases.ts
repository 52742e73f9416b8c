import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type IDMappingSchema,
  NamespaceMode,
  type NamespaceOptionSchema,
  SELinuxOptionSchema,
} from "@keelson/cri-api/v1";
import { describe, test } from "vitest";
import { notKept, type Refusal } from "../harness/refusals.ts";
import { refuses } from "./claims.ts";
import type { Stage } from "./stage.ts";

const { POD, CONTAINER, NODE, TARGET } = NamespaceMode;
const mapping: MessageInitShape<typeof IDMappingSchema>[] = [{ hostId: 100_000, containerId: 0, length: 65_536 }];
type Options = Exclude<MessageInitShape<typeof NamespaceOptionSchema>, { $typeName: string }>;

const context = "linux.security_context";

/** Each value that is not kept is refused before anything is made, and the answer names its field. */
export function refusalCases(stage: () => Stage): void {
  const inSandbox = (options: Options, field: string): Refusal => {
    const securityContext = { namespaceOptions: { pid: CONTAINER, ...options } };
    return notKept(`${context}.namespace_options.${field}`, () => stage().runPod({ linux: { securityContext } }));
  };
  const inContainer = (options: Options, field: string): Refusal => {
    const security = { namespaceOptions: { pid: CONTAINER, ...options } };
    return notKept(`${context}.namespace_options.${field}`, () => stage().create({ security }));
  };

  describe("refused by name, with nothing left behind", () => {
    test(
      "namespaces that a pod has not",
      refuses(
        ...["network", "ipc"].flatMap((kind) => [
          `NamespaceOption.${kind}=CONTAINER`,
          `NamespaceOption.${kind}=TARGET`,
        ]),
        ...["NamespaceOption.network=NODE", "NamespaceOption.ipc=NODE", "NamespaceOption.pid=NODE"],
        ...["NamespaceOption.pid=TARGET", "NamespaceOption.target_id"],
      ),
      async () => {
        const refusals: Refusal[] = [];
        for (const at of [inSandbox, inContainer]) {
          for (const mode of [CONTAINER, TARGET])
            refusals.push(at({ network: mode }, "network"), at({ ipc: mode }, "ipc"));
          refusals.push(
            at({ pid: TARGET, targetId: "x" }, "pid"),
            at({ targetId: "x" }, "target_id"),
            at({ pid: 9 as NamespaceMode }, "pid"),
          );
        }
        // a container can't have of the host what its sandbox has of its own
        refusals.push(
          inContainer({ network: NODE }, "network"),
          inContainer({ ipc: NODE }, "ipc"),
          inContainer({ pid: NODE }, "pid"),
          inContainer({ pid: POD }, "pid"),
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
          ...[POD, CONTAINER, TARGET].map((mode) => at({ usernsOptions: { mode } }, "userns_options.mode")),
          at({ usernsOptions: { mode: NODE, uids: mapping } }, "userns_options.uids"),
          at({ usernsOptions: { mode: NODE, gids: mapping } }, "userns_options.gids"),
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
          const field = `${context}.selinux_options.${part}`;
          const securityContext = { namespaceOptions: { pid: CONTAINER }, selinuxOptions };
          return [
            notKept(field, () => stage().create({ security: { selinuxOptions } })),
            notKept(field, () => stage().runPod({ linux: { securityContext } })),
          ];
        });
        await stage().refused(...refusals);
        await stage().look("true", { security: { selinuxOptions: create(SELinuxOptionSchema) } });
      },
    );
  });
}
