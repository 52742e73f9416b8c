/**
 * Takes what may be secret out of foreign text: user names, passwords and queries of URLs (a signed URL has its
 * signature in the query), and every given secret.
 */
export function redact(text: string, secrets: readonly string[] = []): string {
  const named = secrets
    .filter((secret) => secret.length > 0)
    .reduce((rest, secret) => rest.replaceAll(secret, "[redacted]"), text);
  return named
    .replace(/:\/\/[^\s/"'<>]{1,1024}@/g, "://[redacted]@")
    .replace(/(:\/\/[^\s?"'<>]{1,2048}\?)[^\s"'<>]+/g, "$1[redacted]");
}
