import process from "node:process";
import { duration } from "./units.ts";

/**
 * Shows on stderr that something is going on, with the time that it has taken: a line that is written anew on a
 * terminal, one line at the end elsewhere.
 */
export async function elapsed<T>(what: string, task: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const live = process.stderr.isTTY === true;
  const show = (): void => {
    process.stderr.write(`\r\u001b[2K${what} … ${duration(performance.now() - began)}`);
  };
  const timer = live ? setInterval(show, 100) : undefined;
  if (live) show();
  try {
    const result = await task();
    process.stderr.write(`${live ? "\r\u001b[2K" : ""}${what}: ${duration(performance.now() - began)}\n`);
    return result;
  } catch (error) {
    process.stderr.write(`${live ? "\r\u001b[2K" : ""}${what}: failed after ${duration(performance.now() - began)}\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}
