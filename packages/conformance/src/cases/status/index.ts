import type { Case } from "../../case.ts";
import * as cdiDevices from "./cdi-devices.ts";
import * as container from "./container.ts";
import * as containerNamespaces from "./container-namespaces.ts";
import * as features from "./features.ts";
import * as furtherLimits from "./further-limits.ts";
import * as hostPorts from "./host-ports.ts";
import * as labels from "./labels.ts";
import * as metadata from "./metadata.ts";
import * as mountKinds from "./mount-kinds.ts";
import * as mounts from "./mounts.ts";
import * as podCgroup from "./pod-cgroup.ts";
import * as podResources from "./pod-resources.ts";
import * as process from "./process.ts";
import * as recursiveReadOnly from "./recursive-read-only.ts";
import * as resources from "./resources.ts";
import * as runtime from "./runtime.ts";
import * as sandbox from "./sandbox.ts";
import * as sandboxProcess from "./sandbox-process.ts";
import * as security from "./security.ts";
import * as sharedProcessIds from "./shared-process-ids.ts";
import * as stdin from "./stdin.ts";
import * as systemCalls from "./system-calls.ts";
import * as unheeded from "./unheeded.ts";
import * as user from "./user.ts";
import * as userNamespace from "./user-namespace.ts";

export const status: readonly Case[] = [
  ...Object.values(metadata),
  ...Object.values(container),
  ...Object.values(sandbox),
  ...Object.values(runtime),
  ...Object.values(features),
  ...Object.values(process),
  ...Object.values(stdin),
  ...Object.values(user),
  ...Object.values(security),
  ...Object.values(systemCalls),
  ...Object.values(resources),
  ...Object.values(podResources),
  ...Object.values(mounts),
  ...Object.values(recursiveReadOnly),
  ...Object.values(mountKinds),
  ...Object.values(cdiDevices),
  ...Object.values(furtherLimits),
  ...Object.values(podCgroup),
  ...Object.values(hostPorts),
  ...Object.values(labels),
  ...Object.values(userNamespace),
  ...Object.values(containerNamespaces),
  ...Object.values(sharedProcessIds),
  ...Object.values(sandboxProcess),
  ...Object.values(unheeded),
];
