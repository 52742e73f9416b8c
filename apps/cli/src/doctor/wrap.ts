/**
 * Breaks a line between words into lines of at most `width` characters; a longer word has a line of its own. Spaces stay
 * as they are within a line. `indent` begins the second and every further line.
 */
export function wrap(text: string, width: number, indent = ""): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const begins = rest.length - rest.trimStart().length;
    const at = rest.lastIndexOf(" ", width);
    const cut = at > begins ? at : rest.indexOf(" ", begins);
    if (cut === -1) break;
    lines.push(rest.slice(0, cut).trimEnd());
    rest = indent + rest.slice(cut).trimStart();
  }
  return [...lines, rest];
}
