import type { Case } from "../../case.ts";
import * as command from "./command.ts";
import * as output from "./output.ts";

export const exec: readonly Case[] = [...Object.values(output), ...Object.values(command)];
