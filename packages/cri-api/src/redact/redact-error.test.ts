import { inspect } from "node:util";
import { expect, it } from "vitest";
import { CriError, isCriError, registryUnavailable } from "../errors.ts";
import { redactError } from "./redact-error.ts";
import { createRedactor } from "./redact-text.ts";

const secret = "hunter2-secret";
const redact = createRedactor([secret]);

it("redactError() hands back the same error when it says nothing of the secret", () => {
  const error = new CriError("NOT_FOUND", "pull image: not found", { cause: new Error("404"), hint: "look" });
  expect(redactError(error, redact)).toBe(error);
  const other = new DOMException("late", "TimeoutError");
  expect(redactError(other, redact)).toBe(other);
  expect(redactError(undefined, redact)).toBeUndefined();
});

it.each<[string, unknown]>([
  ["its message", new Error(`bad ${secret}`)],
  ["its hint", new CriError("UNKNOWN", "x", { hint: `not ${secret}` })],
  ["its cause", new Error("x", { cause: new Error("y", { cause: `z ${secret}` }) })],
  ["its cause's property", new Error("x", { cause: { deep: [{ in: secret }] } })],
  ["its name", Object.assign(new Error("x"), { name: secret })],
  ["a property", Object.assign(new Error("x"), { rawMessage: `of ${secret}` })],
  ["headers", Object.assign(new Error("x"), { metadata: new Headers({ "grpc-message": "a hunter%32-secret" }) })],
  ["bytes", Object.assign(new Error("x"), { details: [{ value: new TextEncoder().encode(secret) }] })],
  ["a map", Object.assign(new Error("x"), { map: new Map([["k", secret]]) })],
  ["an error among several", new AggregateError([new Error(secret)], "x")],
  ["a DOMException", new DOMException(`late ${secret}`, "TimeoutError")],
  ["its stack alone", Object.assign(new Error("x"), { stack: `Error: ${secret}\n    at x:1:2` })],
  ["a text that was thrown", `thrown ${secret}`],
  ["an object that was thrown", { thrown: secret }],
])("T1.10 redactError() leaves nothing of a secret in %s", (_, error) => {
  const shown = redactError(error, redact);
  expect(shown).not.toBe(error);
  expect(inspect(shown, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toContain(secret);
});

it("redactError() keeps category, prefix, reason, hint, code, causes and the place", () => {
  const cause = Object.assign(new TypeError(`refused ${secret}`), { code: "ECONNREFUSED", headers: secret });
  const error = registryUnavailable(`pull with ${secret}`, { hint: "try again", reason: "CONNECTION_LOST", cause });
  const shown = redactError(error, redact);
  if (!isCriError(shown)) throw new Error("not a CriError");
  expect(shown).toMatchObject({
    code: "UNKNOWN",
    prefix: "RegistryUnavailable",
    reason: "CONNECTION_LOST",
    hint: "try again",
    message: "pull with [redacted]",
  });
  expect(shown.cause).toMatchObject({ name: "TypeError", message: "refused [redacted]", code: "ECONNREFUSED" });
  expect(shown.stack).toContain("redact-error.test");
});

it("redactError() ends on causes that go in a circle", () => {
  const error = new Error(secret);
  error.cause = new Error("y", { cause: error });
  expect(inspect(redactError(error, redact), { depth: 50 })).not.toContain(secret);
});
