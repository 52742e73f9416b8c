import type { Case } from "../../case.ts";
import * as container from "./container.ts";
import * as features from "./features.ts";
import * as metadata from "./metadata.ts";
import * as mounts from "./mounts.ts";
import * as podResources from "./pod-resources.ts";
import * as process from "./process.ts";
import * as resources from "./resources.ts";
import * as runtime from "./runtime.ts";
import * as sandbox from "./sandbox.ts";
import * as security from "./security.ts";
import * as stdin from "./stdin.ts";
import * as systemCalls from "./system-calls.ts";
import * as user from "./user.ts";

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
];
