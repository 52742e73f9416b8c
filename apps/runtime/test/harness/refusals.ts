import type { CriErrorCode } from "@keelson/cri-api/errors";
import { expect } from "vitest";
import type { TestNode } from "./start-node.ts";
import { traces, untilAsBefore } from "./traces.ts";

/** A call, and how it must fail: the code, and what the message says, the remedy included. */
export type Refusal = readonly [call: () => Promise<unknown>, code: CriErrorCode, message: RegExp];

/** That a value is not kept: the answer names its field and shows the value. */
export function notKept(field: string, call: () => Promise<unknown>): Refusal {
  return [call, "FAILED_PRECONDITION", new RegExp(`${field.replaceAll(/[.[\]]/g, "\\$&")}: value is `)];
}

/** Expects that each call fails so, and that the node has afterwards what it had before. @returns the errors */
export async function expectRefused(node: TestNode, refusals: readonly Refusal[]): Promise<readonly unknown[]> {
  const before = await traces(node);
  const errors: unknown[] = [];
  for (const [call, code, message] of refusals) {
    const error: unknown = await call().then(
      (answer) => ({ answer }),
      (one: unknown) => one,
    );
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    errors.push(error);
  }
  await untilAsBefore(node, before);
  return errors;
}
