// Of the format characters those that reorder or break lines: the rest changes nothing that was there before.
const control =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped here
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Foreign text (names, logs, errors) for a terminal: control and direction characters are shown, not obeyed. Tab and
 * line feed stay.
 */
export function printable(text: string): string {
  return text.replace(control, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** The same for one cell or line: tab and line feed are shown too. */
export function printableLine(text: string): string {
  return printable(text).replace(/\t/g, "\\t").replace(/\n/g, "\\n");
}
