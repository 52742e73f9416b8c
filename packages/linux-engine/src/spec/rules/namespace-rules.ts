import {
  NamespaceMode,
  type NamespaceOption,
  NamespaceOptionSchema,
  type UserNamespace,
  UserNamespaceSchema,
} from "@keelson/cri-api/v1";
import { honoured, type RuleContext, type RuleTable, refused, ruleTable } from "./rule.ts";

/** Network and IPC: the sandbox chooses between its own and the host's, a container can only agree. */
function refuseShared(kind: "network" | "ipc", mode: NamespaceMode, at: RuleContext): string | undefined {
  if (mode === NamespaceMode.POD) return undefined;
  if (mode !== NamespaceMode.NODE) return "only POD and NODE are kept";
  const sandbox = at.sandbox.linux?.securityContext?.namespaceOptions?.[kind];
  return sandbox === NamespaceMode.NODE ? undefined : "the sandbox has a namespace of its own";
}

function refusePid(mode: NamespaceMode, at: RuleContext): string | undefined {
  const sandbox = at.sandbox.linux?.securityContext?.namespaceOptions?.pid;
  switch (mode) {
    case NamespaceMode.CONTAINER:
      return undefined;
    case NamespaceMode.NODE:
      return sandbox === NamespaceMode.NODE ? undefined : "the sandbox has process IDs of its own";
    case NamespaceMode.POD:
      if (at.container === undefined || sandbox === NamespaceMode.POD || sandbox === NamespaceMode.NODE)
        return undefined;
      return "the sandbox has not asked for shared process IDs";
    case NamespaceMode.TARGET:
      if (at.container === undefined) return "a sandbox has no target";
      return at.facts.targetPidNamespaces ? undefined : "the process IDs of another container can't be joined yet";
    default:
      return "this mode is not known";
  }
}

export const namespaceRules: readonly RuleTable[] = [
  ruleTable<NamespaceOption>(NamespaceOptionSchema, {
    network: honoured("namespaces.ts; the sandbox decides, a container that asks for another is refused", (mode, at) =>
      refuseShared("network", mode, at),
    ),
    pid: honoured(
      "namespaces.ts; TARGET is refused, and POD of a container in a pod whose sandbox has not asked for it",
      refusePid,
    ),
    ipc: honoured("namespaces.ts; the sandbox decides, a container that asks for another is refused", (mode, at) =>
      refuseShared("ipc", mode, at),
    ),
    targetId: refused("any container, as pid TARGET, which alone it goes with", (id, at) =>
      id === "" || at.facts.targetPidNamespaces
        ? undefined
        : "the process IDs of another container can't be joined yet",
    ),
    usernsOptions: honoured("UserNamespace"),
  }),
  ruleTable<UserNamespace>(UserNamespaceSchema, {
    mode: refused("all but NODE", (mode) =>
      mode === NamespaceMode.NODE ? undefined : "user namespaces are not kept yet",
    ),
    uids: refused("any mapping", (list) => (list.length === 0 ? undefined : "user namespaces are not kept yet")),
    gids: refused("any mapping", (list) => (list.length === 0 ? undefined : "user namespaces are not kept yet")),
  }),
];
