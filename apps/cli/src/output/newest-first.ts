/** The order of lists for people. */
export function newestFirst<T extends { readonly createdAt: bigint }>(items: readonly T[]): readonly T[] {
  return items.toSorted((a, b) => (a.createdAt > b.createdAt ? -1 : a.createdAt < b.createdAt ? 1 : 0));
}
