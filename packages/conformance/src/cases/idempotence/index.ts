import type { Case } from "../../case.ts";
import * as stop from "./stop.ts";

export const idempotence: readonly Case[] = [...Object.values(stop)];
