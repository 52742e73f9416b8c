/** What an error says, for a record or another message: at most 1 KiB. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.length > 1024 ? `${text.slice(0, 1021)}...`.toWellFormed() : text.toWellFormed();
}
