import type { Case } from "../../case.ts";
import * as containerLife from "./container-life.ts";

export const lifeCycle: readonly Case[] = [...Object.values(containerLife)];
