/** One challenge of a WWW-Authenticate header (RFC 9110, section 11.6.1). */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** By lower-case name, values unquoted. */
  readonly parameters: ReadonlyMap<string, string>;
}

const maxLength = 8192;

/**
 * Reads all challenges of a header in one pass; what doesn't parse ends the list. Longer than 8 KiB, or with CR, LF or
 * NUL in it, it holds none.
 */
export function parseChallenges(header: string | undefined): readonly Challenge[] {
  if (header === undefined || header.length > maxLength || !isClean(header)) return [];
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const skip = (characters: string): void => {
    while (at < header.length && characters.includes(header.charAt(at))) at++;
  };
  const token = (): string => {
    const start = at;
    while (at < header.length && isTokenCharacter(header.charCodeAt(at))) at++;
    return header.slice(start, at);
  };
  for (;;) {
    skip(" \t,");
    const word = token();
    if (word === "") return challenges;
    skip(" \t");
    if (header.charAt(at) !== "=") {
      challenges.push({ scheme: word.toLowerCase(), parameters: new Map() });
      continue;
    }
    at++;
    skip(" \t");
    const quoted = header.charAt(at) === '"';
    const value = quoted ? readQuoted(header, at) : { text: token(), end: at };
    const last = challenges.at(-1);
    if (value === undefined || last === undefined) return challenges;
    at = value.end;
    const name = word.toLowerCase();
    // the first of two equal names counts, as a later one could only be there to mislead
    if (!last.parameters.has(name)) last.parameters.set(name, value.text);
  }
}

function readQuoted(header: string, start: number): { text: string; end: number } | undefined {
  let text = "";
  for (let at = start + 1; at < header.length; at++) {
    const c = header.charAt(at);
    if (c === '"') return { text, end: at + 1 };
    if (c === "\\") at++;
    text += header.charAt(at);
  }
  return undefined;
}

function isClean(text: string): boolean {
  return !text.includes("\r") && !text.includes("\n") && !text.includes("\0");
}

function isTokenCharacter(c: number): boolean {
  if (c <= 0x20 || c >= 0x7f) return false;
  return !'()<>@,;:\\"/[]?={}'.includes(String.fromCharCode(c));
}
