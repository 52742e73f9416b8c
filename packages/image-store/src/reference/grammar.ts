// The grammar of distribution/reference as linear scanners: each looks at a character once, so that no text, however
// long or odd, costs more than its length.

const isDigit = (c: number): boolean => c >= 0x30 && c <= 0x39;
const isLower = (c: number): boolean => c >= 0x61 && c <= 0x7a;
const isUpper = (c: number): boolean => c >= 0x41 && c <= 0x5a;
const isAlphanumeric = (c: number): boolean => isDigit(c) || isLower(c) || isUpper(c);
const dash = 0x2d;
const dot = 0x2e;
const underscore = 0x5f;

/** `host[:port]`: dot-separated letters, digits and inner dashes, or an IPv6 address in brackets. */
export function isDomain(text: string): boolean {
  const bracket = text.startsWith("[") ? text.indexOf("]") : -1;
  if (text.startsWith("[")) {
    return bracket > 1 && isIpv6Text(text.slice(1, bracket)) && isPortSuffix(text.slice(bracket + 1));
  }
  const colon = text.indexOf(":");
  const host = colon < 0 ? text : text.slice(0, colon);
  return host.split(".").every(isDomainComponent) && isPortSuffix(colon < 0 ? "" : text.slice(colon));
}

function isDomainComponent(text: string): boolean {
  if (text === "" || text.startsWith("-") || text.endsWith("-")) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (!isAlphanumeric(c) && c !== dash) return false;
  }
  return true;
}

function isIpv6Text(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (!isDigit(c) && c !== 0x3a && !(c >= 0x61 && c <= 0x66) && !(c >= 0x41 && c <= 0x46)) return false;
  }
  return text.includes(":");
}

function isPortSuffix(text: string): boolean {
  if (text === "") return true;
  if (!text.startsWith(":") || text.length < 2 || text.length > 6) return false;
  for (let i = 1; i < text.length; i++) if (!isDigit(text.charCodeAt(i))) return false;
  const port = Number(text.slice(1));
  return port >= 1 && port <= 65535;
}

/** Components divided by slashes; each starts and ends with a lower-case letter or digit, see {@link isSeparator}. */
export function isPath(text: string): boolean {
  return text.split("/").every(isPathComponent);
}

function isPathComponent(text: string): boolean {
  let separatorStart = 0;
  let inSeparator = true;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (isDigit(c) || isLower(c)) {
      if (inSeparator && i > 0 && (separatorStart === 0 || !isSeparator(text, separatorStart, i))) return false;
      inSeparator = false;
    } else {
      if (!inSeparator) separatorStart = i;
      inSeparator = true;
    }
  }
  return text !== "" && !inSeparator;
}

/** One dot, one or two underscores, or any number of dashes; never mixed. */
function isSeparator(text: string, start: number, end: number): boolean {
  const first = text.charCodeAt(start);
  for (let i = start + 1; i < end; i++) if (text.charCodeAt(i) !== first) return false;
  const length = end - start;
  return first === dash || (first === dot && length === 1) || (first === underscore && length <= 2);
}

/** 1 to 128 letters, digits, `_`, `.`, `-`; the first is no dot and no dash. */
export function isTag(text: string): boolean {
  if (text.length < 1 || text.length > 128) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (!isAlphanumeric(c) && c !== underscore && (i === 0 || (c !== dot && c !== dash))) return false;
  }
  return true;
}
