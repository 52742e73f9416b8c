import type { Case } from "../../case.ts";
import * as invalid from "./invalid.ts";
import * as notFound from "./not-found.ts";
import * as state from "./state.ts";

export const errors: readonly Case[] = [...Object.values(invalid), ...Object.values(notFound), ...Object.values(state)];
