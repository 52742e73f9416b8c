/** A new ID for a sandbox or container: 64 lower-case hexadecimal digits, 256 random bits. */
export function newObjectId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** True for what {@link newObjectId} makes. */
export function isObjectId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
