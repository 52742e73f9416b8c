import { invalidArgument, quote } from "@keelson/cri-api/errors";
import { criVersions } from "@keelson/cri-api/versions";
import type { ConnectOptions } from "./connect-cri.ts";

/** What a timer holds. */
const longestMs = 2 ** 31 - 1;
/** What HTTP/2's transport takes. */
const largestBytes = 2 ** 32 - 1;

/** @throws INVALID_ARGUMENT for a value that no connection can be made with */
export function checkOptions(options: ConnectOptions): void {
  const { versions = criVersions, timeoutMs, maxMessageBytes, backoff = {}, deadlines = {} } = options;
  const unknown = versions.find((version) => !criVersions.includes(version));
  if (versions.length === 0 || unknown !== undefined) {
    const what = unknown === undefined ? "versions is empty" : `there is no version ${quote(String(unknown))}`;
    throw invalidArgument(`connect: ${what}`, { hint: `name one or more of ${criVersions.join(", ")}` });
  }
  checkWhole("timeoutMs", timeoutMs, longestMs);
  checkWhole("maxMessageBytes", maxMessageBytes, largestBytes);
  checkMs("requestTimeoutMs", options.requestTimeoutMs);
  for (const [name, ms] of Object.entries(backoff)) checkMs(`backoff.${name}`, ms);
  for (const [name, ms] of Object.entries(deadlines)) checkMs(`deadlines.${name}`, ms);
}

function checkWhole(name: string, value: number | undefined, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= most)) return;
  throw invalidArgument(`connect: ${name} is ${value}, want a whole number from 1 to ${most}`);
}

function checkMs(name: string, value: number | undefined): void {
  if (value === undefined || value >= 0) return;
  throw invalidArgument(`connect: ${name} is ${value}, want 0 or more milliseconds`);
}
