import { isDeepStrictEqual } from "node:util";
import { type CriErrorCode, isCriError } from "@keelson/cri-api/errors";
import { difference, show } from "./match.ts";

/** The runtime did something else than the case wants. Every other error of a case is a call that failed on the way. */
export class ExpectationError extends Error {
  override readonly name: string = "ExpectationError";
}

export interface Expectation {
  toBe(wanted: unknown): void;
  /** The same all through. */
  toEqual(wanted: unknown): void;
  /** Has the wanted fields; lists have the wanted length; a RegExp wants a string that fits. */
  toMatchObject(wanted: unknown): void;
  toMatch(wanted: RegExp): void;
  /** A string with this part, or a list with this item. */
  toContain(wanted: unknown): void;
  toHaveLength(wanted: number): void;
  toBeGreaterThan(wanted: number | bigint): void;
  toBeAtLeast(wanted: number | bigint): void;
  toBeLessThan(wanted: number | bigint): void;
  toBeDefined(): void;
  toBeUndefined(): void;
  readonly not: { toBe(wanted: unknown): void; toEqual(wanted: unknown): void; toContain(wanted: unknown): void };
}

/** `what` is said in front of the message. @throws ExpectationError by the expectation that does not hold */
export function expect(value: unknown, what = ""): Expectation {
  const check = (holds: boolean, want: string): void => {
    if (!holds) fail(`want ${want}, got ${show(value)}`, what);
  };
  const compare = (want: string, wanted: number | bigint, holds: (got: number | bigint) => boolean): void =>
    check((typeof value === "number" || typeof value === "bigint") && holds(value), `${want} ${wanted}`);
  return {
    toBe: (wanted) => check(Object.is(value, wanted), show(wanted)),
    toEqual: (wanted) => check(isDeepStrictEqual(value, wanted), show(wanted)),
    toMatchObject(wanted) {
      const found = difference(value, wanted);
      if (found !== undefined) fail(found, what);
    },
    toMatch: (wanted) => check(typeof value === "string" && wanted.test(value), `a match of ${wanted}`),
    toContain: (wanted) => check(contains(value, wanted), `with ${show(wanted)} in it`),
    toHaveLength: (wanted) => check(Array.isArray(value) && value.length === wanted, `a list of ${wanted}`),
    toBeGreaterThan: (wanted) => compare("more than", wanted, (got) => got > wanted),
    toBeAtLeast: (wanted) => compare("at least", wanted, (got) => got >= wanted),
    toBeLessThan: (wanted) => compare("less than", wanted, (got) => got < wanted),
    toBeDefined: () => check(value !== undefined, "something"),
    toBeUndefined: () => check(value === undefined, "nothing"),
    not: {
      toBe: (wanted) => check(!Object.is(value, wanted), `anything but ${show(wanted)}`),
      toEqual: (wanted) => check(!isDeepStrictEqual(value, wanted), `anything but ${show(wanted)}`),
      toContain: (wanted) => check(!contains(value, wanted), `no ${show(wanted)} in it`),
    },
  };
}

/**
 * Awaits a call that must fail so. @param message what the message must say
 * @throws ExpectationError when it succeeds or fails otherwise
 */
export async function expectFailure(
  call: Promise<unknown>,
  code: CriErrorCode | readonly CriErrorCode[],
  message?: RegExp,
): Promise<void> {
  const codes = typeof code === "string" ? [code] : code;
  const error: unknown = await call.then(
    (answer) => fail(`want ${codes.join(" or ")}, got an answer: ${show(answer)}`),
    (one: unknown) => one,
  );
  if (error instanceof ExpectationError) throw error;
  if (!isCriError(error)) throw error;
  if (!codes.includes(error.code)) fail(`want ${codes.join(" or ")}, got ${error.code}: ${error.message}`);
  if (message !== undefined && !message.test(`${error.message} ${error.hint ?? ""}`)) {
    fail(`want a ${error.code} that says ${message}, got ${error.message}`);
  }
}

/**
 * Awaits a call that must be refused, under whatever code: containerd and CRI-O often answer Unknown where a better one is
 * meant. What the codes are is the matter of cases of their own.
 */
export function expectRefusal(call: Promise<unknown>, message?: RegExp): Promise<void> {
  return expectFailure(call, refusals, message);
}

const refusals = ["INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND", "ALREADY_EXISTS", "UNKNOWN"] as const;

/** Awaits a call that must succeed. @throws ExpectationError when it fails */
export async function expectSuccess<T>(call: Promise<T>): Promise<T> {
  return await call.catch((error: unknown) => {
    if (!isCriError(error)) throw error;
    return fail(`want success, got ${error.code}: ${error.message}`);
  });
}

export function fail(message: string, what = ""): never {
  throw new ExpectationError(what === "" ? message : `${what}: ${message}`);
}

function contains(value: unknown, wanted: unknown): boolean {
  if (typeof value === "string") return typeof wanted === "string" && value.includes(wanted);
  return Array.isArray(value) && value.some((one) => isDeepStrictEqual(one, wanted));
}
