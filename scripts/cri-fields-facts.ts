// cri-fields.json: what the page of fields is made of besides code, and what it is held to.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineName } from "./cri-fields-declared.ts";

export interface FieldFacts {
  /** The calls that an engine has no verb for, as it answered them when the page was made. */
  readonly unserved: Readonly<Record<EngineName, Readonly<Record<string, "UNIMPLEMENTED">>>>;
  /** How many fields may be refused or ignored at most. The page's program lowers them; nothing but an edit raises them. */
  readonly most: Readonly<Record<EngineName, Most>>;
}

export interface Most {
  readonly refused: number;
  readonly ignored: number;
  /** Why the numbers are as high as they are: who raises one says here why. */
  readonly because: string;
}

export const factsFile: string = join(import.meta.dirname, "cri-fields.json");

export function readFacts(): FieldFacts {
  return JSON.parse(readFileSync(factsFile, "utf8")) as FieldFacts;
}

export function writeFacts(facts: FieldFacts): void {
  writeFileSync(factsFile, `${JSON.stringify(facts, undefined, 2)}\n`);
}
