import type { Case } from "../../case.ts";
import * as pull from "./pull.ts";

export const images: readonly Case[] = [...Object.values(pull)];
