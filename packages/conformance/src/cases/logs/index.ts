import type { Case } from "../../case.ts";
import * as format from "./format.ts";

export const logs: readonly Case[] = [...Object.values(format)];
