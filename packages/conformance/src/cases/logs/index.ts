import type { Case } from "../../case.ts";
import * as format from "./format.ts";
import * as reopen from "./reopen.ts";

export const logs: readonly Case[] = [...Object.values(format), ...Object.values(reopen)];
