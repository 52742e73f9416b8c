// Runtimes that lie: answers and errors of one method spoiled in one way.
import { create, type DescMethod, type Message } from "@bufbuild/protobuf";
import { CriError, isCriError } from "@keelson/cri-api/errors";
import type { Intercept } from "../src/stage/calls.ts";

/** What a mutant does with the calls of its method. */
export type Spoil = (method: DescMethod, next: () => Promise<Message>) => Promise<Message>;

/** For calls that succeed. */
export const lyingAnswers: Readonly<Record<string, Spoil>> = {
  "every value of the answer is another one": async (_, next) => alter(await next()),
  "the answer is empty": async (method, next) => {
    await next();
    return create(method.output);
  },
  "it is done, and an error is told": async (_, next) => {
    await next();
    throw new CriError("DATA_LOSS", "spoiled");
  },
  "nothing is done": async (method) => create(method.output),
};

/** For calls that fail. */
export const lyingErrors: Readonly<Record<string, Spoil>> = {
  "errors have another code": async (_, next) => {
    return await next().catch((error: unknown) => {
      throw isCriError(error) ? new CriError("DATA_LOSS", "spoiled") : error;
    });
  },
  "errors are told as successes": async (method, next) => {
    return await next().catch((error: unknown) => {
      if (isCriError(error)) return create(method.output);
      throw error;
    });
  },
};

/** Spoils the calls of one method from its nth on. */
export function spoiling(name: string, { from, spoil }: { readonly from: number; readonly spoil: Spoil }): Intercept {
  let calls = 0;
  return {
    unary: ({ method }, next) => (method.name === name && calls++ >= from ? spoil(method, next) : next()),
    async *stream({ method }, next) {
      for await (const message of next()) {
        // a stream that is spoiled tells nothing
        if (method.name !== name) yield message;
      }
    },
  };
}

export interface Calls {
  count: number;
  /** Which of them was the first that failed. */
  failed: number | undefined;
}

/** Counts the calls of each method. */
export function counting(counts: Map<string, Calls>): Intercept {
  const count = ({ name }: DescMethod): Calls => {
    const calls = counts.get(name) ?? { count: 0, failed: undefined };
    calls.count++;
    counts.set(name, calls);
    return calls;
  };
  return {
    async unary({ method }, next) {
      const calls = count(method);
      const at = calls.count - 1;
      return await next().catch((error: unknown) => {
        calls.failed ??= at;
        throw error;
      });
    },
    stream({ method }, next) {
      count(method);
      return next();
    },
  };
}

/** Changes every value, also those that are not set. */
function alter(message: Message): Message {
  return altered(message) as Message;
}

function altered(value: unknown): unknown {
  if (typeof value === "string") return `${value}x`;
  if (typeof value === "number" || typeof value === "boolean") return typeof value === "number" ? value + 1 : !value;
  if (typeof value === "bigint") return value + 1n;
  if (value instanceof Uint8Array) return Uint8Array.from([...value, 120]);
  if (Array.isArray(value)) return value.map(altered);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, key === "$typeName" ? one : altered(one)]));
}
