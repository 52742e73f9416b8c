import type { Case } from "../../case.ts";
import * as containerEvents from "./container-events.ts";
import * as sandboxEvents from "./sandbox-events.ts";

export const events: readonly Case[] = [...Object.values(containerEvents), ...Object.values(sandboxEvents)];
