import { type Area, areas } from "../areas.ts";
import type { Case } from "../case.ts";
import { casesByArea } from "../cases/index.ts";

export interface NamedCase {
  /** `AREA/NAME` */
  readonly id: string;
  readonly area: Area;
  readonly one: Case;
}

/** All cases, or those that a word names: an area, or a part of `AREA/NAME`. */
export function selectCases(only?: string): readonly NamedCase[] {
  const all = areas.flatMap((area) => casesByArea[area].map((one) => ({ id: `${area}/${one.name}`, area, one })));
  if (only === undefined) return all;
  return all.filter(({ id, area }) => area === only || (id.includes(only) && !isArea(only)));
}

function isArea(word: string): boolean {
  return areas.some((area) => area === word);
}
