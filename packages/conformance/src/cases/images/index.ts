import type { Case } from "../../case.ts";
import * as credentials from "./credentials.ts";
import * as pull from "./pull.ts";
import * as registries from "./registries.ts";
import * as removal from "./removal.ts";
import * as status from "./status.ts";
import * as told from "./told.ts";
import * as untagged from "./untagged.ts";
import * as volumes from "./volumes.ts";

export const images: readonly Case[] = [
  ...Object.values(pull),
  ...Object.values(credentials),
  ...Object.values(removal),
  ...Object.values(registries),
  ...Object.values(status),
  ...Object.values(told),
  ...Object.values(untagged),
  ...Object.values(volumes),
];
