import type { Case } from "../../case.ts";
import * as containerIds from "./container-ids.ts";
import * as identities from "./identities.ts";
import * as sandboxIds from "./sandbox-ids.ts";

export const identifiers: readonly Case[] = [
  ...Object.values(containerIds),
  ...Object.values(identities),
  ...Object.values(sandboxIds),
];
