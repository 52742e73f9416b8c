import { invalidArgument, quote } from "@keelson/cri-api/errors";

/** The highest CPU or memory node that a kernel can be built for. */
const maxId = 8191;

/**
 * Checks a list like `0-3,7`, without ever expanding a range (THREATS T6.06).
 * @throws INVALID_ARGUMENT naming `field`
 */
export function checkCpuset(list: string, field: string): void {
  const refuse = (why: string) => invalidArgument(`read ${field}: ${quote(list)} ${why}`);
  if (list.length > 4096) throw refuse("is longer than 4096 characters");
  for (const part of list.split(",")) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (match === null) throw refuse("is not a list of numbers and ranges");
    const from = Number(match[1]);
    const to = match[2] === undefined ? from : Number(match[2]);
    if (from > maxId || to > maxId) throw refuse(`holds a number above ${maxId}`);
    if (from > to) throw refuse("holds a range that runs backwards");
  }
}
