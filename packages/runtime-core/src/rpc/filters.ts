/** True for the whole ID, a beginning of it, and the empty filter. */
export function idMatches(id: string, filter: string): boolean {
  return id.startsWith(filter);
}

/** True when every label of the selector is there with its value. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}
