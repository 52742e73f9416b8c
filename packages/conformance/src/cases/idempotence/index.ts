import type { Case } from "../../case.ts";
import * as remove from "./remove.ts";
import * as stop from "./stop.ts";

export const idempotence: readonly Case[] = [...Object.values(remove), ...Object.values(stop)];
