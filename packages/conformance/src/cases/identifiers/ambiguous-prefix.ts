/** A beginning that two of the IDs have; undefined when each begins with another digit. Of 17 two have one. */
export function ambiguousPrefix(ids: readonly string[]): string | undefined {
  const digits = ids.map((id) => id.slice(0, 1));
  return digits.find((digit, at) => digits.indexOf(digit) !== at);
}
