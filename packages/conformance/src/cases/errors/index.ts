import type { Case } from "../../case.ts";
import * as unknown from "./unknown.ts";

export const errors: readonly Case[] = [...Object.values(unknown)];
