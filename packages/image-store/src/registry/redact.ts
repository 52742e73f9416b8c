import { CriError, isCriError } from "@keelson/cri-api/errors";

/** Makes foreign or composed text fit for a log and an error. */
export type Redactor = (text: string) => string;

const marker = "[redacted]";
const schemes = ["bearer ", "basic "];

/**
 * The one redactor for logs and errors: known secrets, and in every URL its userinfo, query and fragment, become
 * `[redacted]`; so does what follows `Bearer` or `Basic`. One pass per secret, no backtracking.
 */
export function createRedactor(secrets: Iterable<string> = []): Redactor {
  // longest first, so that a secret within a secret leaves nothing behind; very short ones would only garble
  const known = [...secrets].filter((secret) => secret.length >= 4).sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const secret of known) clean = clean.replaceAll(secret, marker);
    return redactSchemes(redactUrls(clean));
  };
}

/**
 * An error whose words came in part from a stranger, fit to be shown: the same one when there is nothing to hide, else
 * its like without a cause, whose words would show it again.
 */
export function redactError(error: unknown, redact: Redactor): unknown {
  if (!isCriError(error) || redact(error.message) === error.message) return error;
  const { hint, prefix } = error;
  return new CriError(error.code, redact(error.message), {
    ...(hint !== undefined && { hint }),
    ...(prefix !== undefined && { prefix }),
  });
}

/** Scheme, host, port and path of a URL: what may be shown of it. */
export function displayUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function isUrlEnd(c: number): boolean {
  return c <= 0x20 || c === 0x22 || c === 0x27 || c === 0x3c || c === 0x3e || c === 0x60 || c >= 0x7f;
}

function redactUrls(text: string): string {
  let out = "";
  let from = 0;
  for (let at = text.indexOf("://"); at >= 0; at = text.indexOf("://", from)) {
    const start = at + 3;
    let end = start;
    while (end < text.length && !isUrlEnd(text.charCodeAt(end))) end++;
    out += text.slice(from, start) + redactUrlRest(text.slice(start, end));
    from = end;
  }
  return out + text.slice(from);
}

function redactUrlRest(rest: string): string {
  const query = firstIndex(rest, "?", "#");
  const shown = rest.slice(0, query);
  const host = shown.slice(0, firstIndex(shown, "/", "\\"));
  const user = host.lastIndexOf("@");
  const safe = user < 0 ? shown : `${marker}@${shown.slice(user + 1)}`;
  return query < rest.length ? `${safe}?${marker}` : safe;
}

function firstIndex(text: string, a: string, b: string): number {
  const [first, second] = [text.indexOf(a), text.indexOf(b)].map((i) => (i < 0 ? text.length : i));
  return Math.min(first ?? text.length, second ?? text.length);
}

function redactSchemes(text: string): string {
  const lower = text.toLowerCase();
  let out = "";
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const scheme = schemes.find((word) => lower.startsWith(word, at));
    if (scheme === undefined) continue;
    let end = at + scheme.length;
    while (end < text.length && !isUrlEnd(text.charCodeAt(end)) && text[end] !== ",") end++;
    // "bearer token" in prose is no secret, a long run of characters is
    if (end - at - scheme.length >= 12) {
      out += text.slice(from, at + scheme.length) + marker;
      from = end;
    }
    at = end - 1;
  }
  return out + text.slice(from);
}
