/** Choices that follow from a seed. */
export interface Random {
  /** 0 to below 1. */
  next(): number;
  /** 0 to `below - 1`. */
  integer(below: number): number;
  chance(probability: number): boolean;
  pick<const T>(from: readonly [T, ...T[]]): T;
  /** One of many, or undefined of none. */
  any<T>(from: readonly T[]): T | undefined;
  /** A name by its weight; what weighs 0 is never drawn. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name;
}

/** Mulberry32: 32 bits of state are plenty for some thousand choices. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (below: number): number => Math.floor(next() * below);
  return {
    next,
    integer,
    chance: (probability) => next() < probability,
    pick: (from) => from[integer(from.length)] ?? from[0],
    any: (from) => from[integer(from.length)],
    weighted(weights) {
      const entries = Object.entries(weights) as [keyof typeof weights, number][];
      let at = next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [name, weight] of entries) {
        at -= weight;
        if (at < 0) return name;
      }
      throw new Error("nothing has a weight");
    },
  };
}

/** An object's ID that follows from the seed. */
export function randomId(random: Random): string {
  return Array.from({ length: 64 }, () => random.integer(16).toString(16)).join("");
}
