import type { Case } from "../../case.ts";
import * as creates from "./creates.ts";
import * as ends from "./ends.ts";
import * as images from "./images.ts";
import * as starts from "./starts.ts";

export const concurrency: readonly Case[] = [
  ...Object.values(creates),
  ...Object.values(ends),
  ...Object.values(images),
  ...Object.values(starts),
];
