import { CriError, isCriError } from "@keelson/cri-api/errors";

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

/** The error itself, or one without its causes when anything that it says holds one of the secrets. */
export function redactError(error: unknown, secrets: readonly string[]): unknown {
  const told = sayings(error).some((text) => secrets.some((secret) => secret !== "" && text.includes(secret)));
  if (!told) return error;
  const message = redact(error instanceof Error ? error.message : String(error), secrets);
  if (!isCriError(error)) return new Error(message);
  const { code, hint, prefix } = error;
  return new CriError(code, message, {
    ...(hint === undefined ? {} : { hint: redact(hint, secrets) }),
    ...(prefix === undefined ? {} : { prefix }),
  });
}

/** Everything that an error and its causes say. */
function sayings(error: unknown): readonly string[] {
  const texts: string[] = [];
  let one = error;
  for (let depth = 0; one instanceof Error && depth < 16; depth++) {
    texts.push(one.message, one.stack ?? "", "hint" in one ? String(one.hint) : "");
    one = one.cause;
  }
  return one === undefined ? texts : [...texts, String(one)];
}
