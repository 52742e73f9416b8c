import type { Case } from "../../case.ts";
import * as containerLife from "./container-life.ts";
import * as containerRemoval from "./container-removal.ts";
import * as containerStop from "./container-stop.ts";
import * as sandboxLife from "./sandbox-life.ts";

export const lifeCycle: readonly Case[] = [
  ...Object.values(containerLife),
  ...Object.values(containerRemoval),
  ...Object.values(containerStop),
  ...Object.values(sandboxLife),
];
