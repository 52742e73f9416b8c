import type { AnyStep, SandboxRecord } from "@keelson/runtime-core/ports";
import type { SandboxTools } from "./sandbox-tools.ts";
import { attachNetwork } from "./steps/attach-network.ts";
import { makePodCgroup } from "./steps/make-cgroup.ts";
import { mountShm } from "./steps/mount-shm.ts";
import { pinNamespaces } from "./steps/pin-namespaces.ts";
import { runInit } from "./steps/run-init.ts";
import { writeFiles } from "./steps/write-files.ts";

/** Everything that a sandbox is made of, in the order of making. It is given back in reverse. */
export const sandboxSteps: readonly AnyStep<SandboxRecord, SandboxTools>[] = [
  writeFiles,
  makePodCgroup,
  pinNamespaces,
  mountShm,
  runInit,
  attachNetwork,
];
