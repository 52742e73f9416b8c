import { oversizedLayer } from "./layer-error.ts";

export interface BudgetLimits {
  /** The content of all files of one layer together, with what is copied from lower ones. */
  readonly contentBytes: number;
  /** Names that are looked up, in the layer and in each one below it, to find the places of all entries. */
  readonly lookups: number;
}

/** What one layer may still make us do, however few bytes ask for it. */
export class LayerBudget {
  readonly #limits: BudgetLimits;
  #contentBytes = 0;
  #lookups = 0;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  /** @throws RESOURCE_EXHAUSTED */
  spendContent(bytes: number): void {
    this.#contentBytes += bytes;
    const { contentBytes } = this.#limits;
    if (this.#contentBytes > contentBytes) throw oversizedLayer(`more than ${contentBytes} bytes of content`);
  }

  /** @throws RESOURCE_EXHAUSTED */
  spendLookups(names: number): void {
    this.#lookups += names;
    const { lookups } = this.#limits;
    if (this.#lookups > lookups) throw oversizedLayer(`its names and links take more than ${lookups} steps to follow`);
  }
}
