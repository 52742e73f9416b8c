import { invalidArgument } from "./errors.ts";

const format = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;
const firstNs = -62_167_219_200_000_000_000n; // 0000-01-01T00:00:00Z
const lastNs = 253_402_300_799_999_999_999n; // 9999-12-31T23:59:59.999999999Z

/**
 * Nanoseconds since 1970 of a time in RFC 3339: in UTC or with an offset, with any number of digits of the second (those
 * after the ninth are cut off). Undefined when it is none. It takes what Go's `time.RFC3339Nano` takes.
 */
export function parseLogTime(text: string): bigint | undefined {
  const found = format.exec(text);
  if (found === null) return undefined;
  const field = (at: number): number => Number(found[at] ?? "0");
  const [year, month, day, hour, minute, second] = [field(1), field(2), field(3), field(4), field(5), field(6)];
  const [offsetHours, offsetMinutes] = [field(9), field(10)];
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return undefined;
  const offset = (offsetHours * 60 + offsetMinutes) * (found[8] === "-" ? -60 : 60);
  const seconds = daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
  return BigInt(seconds) * 1_000_000_000n + BigInt((found[7] ?? "").slice(0, 9).padEnd(9, "0"));
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
