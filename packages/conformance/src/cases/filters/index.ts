import type { Case } from "../../case.ts";
import * as containers from "./containers.ts";
import * as images from "./images.ts";
import * as sandboxes from "./sandboxes.ts";
import * as stats from "./stats.ts";
import * as streams from "./streams.ts";

export const filters: readonly Case[] = [
  ...Object.values(containers),
  ...Object.values(sandboxes),
  ...Object.values(images),
  ...Object.values(streams),
  ...Object.values(stats),
];
