import { invalidArgument } from "./errors.ts";

const firstNs = -62_167_219_200_000_000_000n; // 0000-01-01T00:00:00Z
const lastNs = 253_402_300_799_999_999_999n; // 9999-12-31T23:59:59.999999999Z

/**
 * Nanoseconds since 1970 of a time in RFC 3339: in UTC or with an offset, with any number of digits of the second (those
 * after the ninth are cut off). Undefined when it is none. It takes what Go's `time.RFC3339Nano` takes.
 */
export function parseLogTime(text: string): bigint | undefined {
  // by hand and not by a regular expression: it is what reading a log costs
  if (text[4] !== "-" || text[7] !== "-" || text[10] !== "T" || text[13] !== ":" || text[16] !== ":") return undefined;
  const [year, month, day] = [digits(text, 0, 4), digits(text, 5, 7), digits(text, 8, 10)];
  const [hour, minute, second] = [digits(text, 11, 13), digits(text, 14, 16), digits(text, 17, 19)];
  if (!(year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month))) return undefined;
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return undefined;
  const fractionEnd = text[19] === "." || text[19] === "," ? endOfDigits(text, 20) : 19;
  const offset = offsetSeconds(text, fractionEnd);
  if (offset === undefined || fractionEnd === 20) return undefined;
  const seconds = daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds(text, fractionEnd));
}

/** Not a number where one of the characters is no digit. */
function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) value = value * 10 + digit(text, at);
  return value;
}

function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48;
  return value >= 0 && value <= 9 ? value : Number.NaN;
}

function endOfDigits(text: string, from: number): number {
  let end = from;
  while (digit(text, end) >= 0) end++;
  return end;
}

function nanoseconds(text: string, end: number): number {
  const last = Math.min(end, 29);
  return last <= 20 ? 0 : digits(text, 20, last) * 10 ** (29 - last);
}

/** What ends a time: `Z`, or an offset from UTC. */
function offsetSeconds(text: string, at: number): number | undefined {
  if (text[at] === "Z") return text.length === at + 1 ? 0 : undefined;
  if ((text[at] !== "+" && text[at] !== "-") || text[at + 3] !== ":" || text.length !== at + 6) return undefined;
  const [hours, minutes] = [digits(text, at + 1, at + 3), digits(text, at + 4, at + 6)];
  if (!(hours <= 23 && minutes <= 59)) return undefined;
  return (hours * 60 + minutes) * (text[at] === "-" ? -60 : 60);
}

/**
 * RFC 3339 in UTC with nine digits: `2026-11-24T17:35:20.000000001Z`. `timeNs` counts from 1970.
 * @throws INVALID_ARGUMENT for a time before the year 0 or after 9999, which RFC 3339 can't write
 */
export function rfc3339Nano(timeNs: bigint): string {
  if (timeNs < firstNs || timeNs > lastNs) {
    throw invalidArgument(`write the time ${timeNs} ns: it lies outside the years 0 to 9999`);
  }
  const fraction = ((timeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = new Date(Number((timeNs - fraction) / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${fraction.toString().padStart(9, "0")}Z`;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days of the Gregorian calendar; years are counted from March, so that the leap day is a year's last. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719_468;
}
