/**
 * Which records a filter by ID passes: all where it is empty, else the one that has this ID or alone begins so. A
 * beginning of two IDs passes neither, as with containerd: a list has no error for it.
 */
export function byId(records: readonly { readonly id: string }[], filter: string): (id: string) => boolean {
  if (filter === "") return () => true;
  const [first, second] = records.filter(({ id }) => id.startsWith(filter));
  return (id) => second === undefined && id === first?.id;
}

/** True when every label of the selector is there with its value. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}
