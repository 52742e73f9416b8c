import type { Case } from "../../case.ts";
import * as running from "./running.ts";

export const restart: readonly Case[] = [...Object.values(running)];
