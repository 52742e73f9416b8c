import type { Case } from "../../case.ts";
import * as pull from "./pull.ts";
import * as removal from "./removal.ts";
import * as status from "./status.ts";
import * as untagged from "./untagged.ts";
import * as volumes from "./volumes.ts";

export const images: readonly Case[] = [
  ...Object.values(pull),
  ...Object.values(removal),
  ...Object.values(status),
  ...Object.values(untagged),
  ...Object.values(volumes),
];
