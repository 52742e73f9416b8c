import process from "node:process";
import { isCriError } from "@keelson/cri-api/errors";
import { printableLine } from "./printable.ts";
import { duration } from "./units.ts";

/**
 * Shows on stderr that something is going on, with the time that it has taken: a line that is written anew on a
 * terminal, one line at the end elsewhere.
 */
export async function elapsed<T>(what: string, task: () => Promise<T>): Promise<T> {
  const out = process.stderr;
  const live = out.isTTY === true && process.env.TERM !== "dumb";
  const label = printableLine(what);
  const began = performance.now();
  const time = (): string => duration(performance.now() - began);
  const clear = live ? "\r\u001b[2K" : "";
  const show = (): void => {
    // a line that wraps could not be written anew
    out.write(`${clear}${`${label} … ${time()}`.slice(0, Math.max(20, out.columns - 1))}`);
  };
  const timer = live ? setInterval(show, 100) : undefined;
  if (live) show();
  try {
    const result = await task();
    out.write(`${clear}${label}: ${time()}\n`);
    return result;
  } catch (error) {
    out.write(`${clear}${label}: ${isCriError(error, "CANCELED") ? "stopped" : "failed"} after ${time()}\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}
