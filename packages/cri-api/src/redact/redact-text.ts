import { quote } from "../errors.ts";

/** Makes foreign or composed text fit for a log and an error. */
export type Redactor = (text: string) => string;

/** What stands in a secret's place. */
export const marker = "[redacted]";

/** A secret of fewer characters is looked for as a word of its own: within words it would only garble them. */
const wordLength = 4;
const schemes = ["bearer ", "basic "];

/**
 * The one redactor for logs and errors: known secrets, and in every URL its userinfo, query and fragment (a signed URL
 * has its signature there), become `[redacted]`; so does what follows `Bearer` or `Basic`. A secret is found as it is,
 * percent-encoded (also as in a form), and escaped as in JSON and in our own quoted text. The time grows with the text alone: one pass for
 * each secret, no backtracking.
 */
export function createRedactor(secrets: Iterable<string> = []): Redactor {
  const known = [...new Set([...secrets].flatMap(formsOf))];
  return (text) => redactSchemes(redactUrls(redactKnown(text, known)));
}

/** The same once, for a text. */
export function redact(text: string, secrets: Iterable<string> = []): string {
  return createRedactor(secrets)(text);
}

/** Scheme, host, port and path of a URL (a `URL`): what may be shown of it. */
export function displayUrl(url: { readonly origin: string; readonly pathname: string }): string {
  return `${url.origin}${url.pathname}`;
}

/** As it is and as it stands in a URL, in a form, in JSON and between quotes. */
function formsOf(secret: string): readonly string[] {
  if (secret === "") return [];
  const escaped = [JSON.stringify(secret), quote(secret, Number.POSITIVE_INFINITY)].map((text) => text.slice(1, -1));
  const inUrl = encodeURIComponent(secret.toWellFormed());
  const inForm = inUrl.replaceAll("%20", "+").replace(/[!'()*]/g, percentEscape);
  const withSmallHex = [inUrl, inForm].map((text) => text.replace(/%../g, (octet) => octet.toLowerCase()));
  return [secret, inUrl, inForm, ...withSmallHex, ...escaped];
}

function percentEscape(c: string): string {
  return `%${c.charCodeAt(0).toString(16).toUpperCase()}`;
}

interface Span {
  readonly start: number;
  end: number;
}

/** Spans of secrets that overlap become one mark: the rest of one secret is no less a secret. */
function redactKnown(text: string, known: readonly string[]): string {
  const spans = known.flatMap((secret) => spansOf(text, secret)).sort((a, b) => a.start - b.start);
  let out = "";
  let shown = 0;
  for (const { start, end } of spans) {
    if (start >= shown) out += text.slice(shown, start) + marker;
    shown = Math.max(shown, end);
  }
  return out + text.slice(shown);
}

function spansOf(text: string, secret: string): readonly Span[] {
  const spans: Span[] = [];
  let last: Span | undefined;
  for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + 1)) {
    const end = at + secret.length;
    if (secret.length < wordLength && !standsAlone(text, at, end)) continue;
    if (last !== undefined && at < last.end) {
      last.end = end;
      continue;
    }
    last = { start: at, end };
    spans.push(last);
  }
  return spans;
}

function standsAlone(text: string, start: number, end: number): boolean {
  return !/[\p{L}\p{N}]/u.test(text.charAt(start - 1)) && !/[\p{L}\p{N}]/u.test(text.charAt(end));
}

// what is not ASCII belongs to the URL: people write passwords as they are
function isUrlEnd(c: number): boolean {
  return c <= 0x20 || c === 0x22 || c === 0x27 || c === 0x3c || c === 0x3e || (c >= 0x7f && c <= 0xa0);
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
  // what precedes an @ is userinfo, also when a "?" in a password makes the URL no URL
  const slash = rest.indexOf("/");
  const user = rest.lastIndexOf("@", slash < 0 ? rest.length : slash);
  const shown = user < 0 ? rest : `${marker}@${rest.slice(user + 1)}`;
  const query = shown.search(/[?#]/);
  // a "?" that ends a question hides nothing
  return query < 0 || query + 1 === shown.length ? shown : `${shown.slice(0, query)}?${marker}`;
}

function redactSchemes(text: string): string {
  let out = "";
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "b" && text[at] !== "B") continue;
    const scheme = schemes.find((word) => text.slice(at, at + word.length).toLowerCase() === word);
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
