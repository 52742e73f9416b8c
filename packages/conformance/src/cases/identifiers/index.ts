import type { Case } from "../../case.ts";
import * as prefix from "./prefix.ts";

export const identifiers: readonly Case[] = [...Object.values(prefix)];
