// Are the fields that the cases say they cover really seen by them? One field at a time is lost on its way; each case that
// covers it has to fail then, by one of its expectations.

import type { Field } from "../src/case.ts";
import { type NamedCase, selectCases } from "../src/run/select-cases.ts";
import { type Outcome, openSession } from "../src/run/session.ts";
import type { OpenTarget } from "./conformance-suite.ts";
import { placeOf } from "./drop-place.ts";
import { droppingCalls } from "./dropping-calls.ts";
import type { Loss } from "./dropping-engine.ts";

/** A runtime whose engine does not get a field. */
export interface DroppingTarget extends OpenTarget {
  /** From now on this is lost between core and engine. Undefined: nothing. */
  lose(what: Loss | undefined): Promise<void>;
}

export interface DropperOptions {
  readonly open: () => Promise<DroppingTarget>;
  /** How many targets there are at once. */
  readonly targets: number;
  /** After how many fields a target gives way to a new one. Default: never. */
  readonly fieldsPerTarget?: number;
  /** How many cases run at one target. */
  readonly concurrency: number;
  /** How long a case waits for one thing at most, and how long it may take. */
  readonly waitMs: number;
  readonly timeoutMs: number;
  /** Claims that nobody can prove, each with the reason. */
  readonly unprovable?: Readonly<Record<Field, string>>;
}

export interface Dropped {
  readonly fields: number;
  readonly tried: number;
  readonly noticed: number;
  /** A sentence for each claim that is not true, and for each that was named as unprovable and is not. */
  readonly survivors: readonly string[];
}

interface Claims {
  readonly field: Field;
  readonly cases: readonly NamedCase[];
}

/** Tries the claims of all cases, or of those that KEELSON_CONFORMANCE_ONLY names. */
export async function tryClaims(options: DropperOptions): Promise<Dropped> {
  const { unprovable = {} } = options;
  const waiting = claimsOf().filter(({ field }) => !Object.hasOwn(unprovable, field));
  const survivors: string[] = [];
  const fields = new Set<Field>();
  let tried = 0;
  const work = async (): Promise<void> => {
    while (waiting.length > 0) {
      const own = take(waiting, options.fieldsPerTarget);
      await using target = await openDropping(options);
      for (let claims = own(); claims !== undefined; claims = own()) {
        for (const [{ id }, outcome] of await target.run(claims)) {
          if (outcome.result === "skipped") continue;
          fields.add(claims.field);
          tried++;
          if (!hasNoticed(claims.field, outcome)) survivors.push(describe(claims.field, id, outcome));
        }
      }
    }
  };
  await Promise.all(Array.from({ length: options.targets }, work));
  return { fields: fields.size, tried, noticed: tried - survivors.length, survivors: survivors.toSorted() };
}

/**
 * By an expectation; or the runtime has refused a call, saying that it lacks the field.
 */
function hasNoticed(field: Field, { result, by, reason }: Outcome): boolean {
  if (result !== "failed") return false;
  const [, name = ""] = field.split(".");
  return by === "expectation" || new RegExp(`^INVALID_ARGUMENT: (\\w+\\.)*${name} is (empty|missing)`).test(reason);
}

function describe(field: Field, id: string, { result, by, reason }: Outcome): string {
  return `${field} (lost at ${placeOf(field)}): ${id}: ${result}${by === undefined ? "" : ` by ${by}`} ${reason}`.trimEnd();
}

/** By field, the fields of the most cases first. */
function claimsOf(): Claims[] {
  const byField = new Map<Field, NamedCase[]>();
  for (const named of selectCases(process.env.KEELSON_CONFORMANCE_ONLY)) {
    for (const field of named.one.covers) byField.set(field, [...(byField.get(field) ?? []), named]);
  }
  const claims = [...byField].map(([field, cases]) => ({ field, cases }));
  return claims.toSorted((a, b) => b.cases.length - a.cases.length);
}

/** Hands out what waits, one after the other, and no more than so many. */
function take(waiting: Claims[], most = Number.POSITIVE_INFINITY): () => Claims | undefined {
  let taken = 0;
  return () => (taken++ < most ? waiting.shift() : undefined);
}

interface Dropping extends AsyncDisposable {
  run(claims: Claims): Promise<readonly (readonly [NamedCase, Outcome])[]>;
}

async function openDropping(options: DropperOptions): Promise<Dropping> {
  const { open, concurrency, waitMs, timeoutMs } = options;
  const opened = await open();
  const session = await openSession(opened.target);
  return {
    async run({ field, cases }) {
      const outcomes = new Map<NamedCase, Outcome>();
      const attempt = async (chosen: readonly NamedCase[], admitted: boolean): Promise<void> => {
        await opened.lose({ field, admitted });
        const waiting = [...chosen];
        const work = async (): Promise<void> => {
          for (let named = waiting.shift(); named !== undefined; named = waiting.shift()) {
            outcomes.set(named, await session.run(named.one, { intercept: droppingCalls(field), waitMs, timeoutMs }));
          }
        };
        await Promise.all(Array.from({ length: concurrency }, work));
      };
      await attempt(cases, false);
      if (placeOf(field) === "port") {
        await attempt(
          cases.filter((one) => outcomes.get(one)?.by === "error"),
          true,
        );
      }
      await opened.lose(undefined);
      const { runtime, images } = session.connection;
      for (const { id } of (await runtime.listPodSandbox({})).items) {
        await runtime.stopPodSandbox({ podSandboxId: id });
        await runtime.removePodSandbox({ podSandboxId: id });
      }
      await images.pullImage({ image: { image: opened.target.images.busybox } });
      return [...outcomes];
    },
    async [Symbol.asyncDispose]() {
      await session.close();
      await opened.close();
    },
  };
}
