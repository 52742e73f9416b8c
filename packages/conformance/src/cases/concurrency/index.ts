import type { Case } from "../../case.ts";
import * as pods from "./pods.ts";

export const concurrency: readonly Case[] = [...Object.values(pods)];
