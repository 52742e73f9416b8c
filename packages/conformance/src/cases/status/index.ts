import type { Case } from "../../case.ts";
import * as metadata from "./metadata.ts";

export const status: readonly Case[] = [...Object.values(metadata)];
