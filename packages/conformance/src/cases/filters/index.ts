import type { Case } from "../../case.ts";
import * as containers from "./containers.ts";

export const filters: readonly Case[] = [...Object.values(containers)];
