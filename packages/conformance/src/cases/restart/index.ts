import type { Case } from "../../case.ts";
import * as across from "./across.ts";

export const restart: readonly Case[] = [...Object.values(across)];
