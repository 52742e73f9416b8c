// Are the fields that the cases say they cover really seen by them? One field at a time is lost on its way; each case that
// covers it has to fail then, by one of its expectations.
import { fieldTable } from "../../../scripts/cri-fields.ts";
import type { EngineName } from "../../../scripts/cri-fields-declared.ts";
import type { Field } from "../src/case.ts";
import { type NamedCase, selectCases } from "../src/run/select-cases.ts";
import { type Outcome, openSession } from "../src/run/session.ts";
import type { Target } from "../src/target.ts";
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
  /** Whose column of the field table says which fields are honoured or recorded: what is refused or ignored can't be lost. */
  readonly engine: EngineName;
  readonly open: () => Promise<DroppingTarget>;
  /** Default: all, or those that KEELSON_CONFORMANCE_ONLY names. */
  readonly cases?: readonly NamedCase[];
  /** How many targets there are at once. */
  readonly targets: number;
  /** How many cases run at one target. */
  readonly concurrency: number;
  /** How long a case waits for one thing at most, and how long it may take. */
  readonly waitMs: number;
  readonly timeoutMs: number;
  /** Fields whose loss can't be seen at this target, by the reason. */
  readonly unseen: Readonly<Record<string, readonly Field[]>>;
}

export interface Dropped {
  readonly fields: number;
  readonly tried: number;
  readonly noticed: number;
  /** How many of the noticed ones the runtime noticed, too: it has refused a call without the field. */
  readonly refused: number;
  /** A sentence for each claim that is not true, and for each case that fails when nothing is lost. */
  readonly survivors: readonly string[];
}

/** Cases to run while a field is lost, or while none is. */
interface Job {
  readonly field: Field | undefined;
  readonly cases: readonly NamedCase[];
}

/** Runs the cases with nothing lost, and then once more for each field that they cover. */
export async function tryClaims(options: DropperOptions): Promise<Dropped> {
  const unseen = new Set(Object.values(options.unseen).flat());
  const waiting = jobsOf(options);
  const survivors: string[] = [];
  const fields = new Set<Field>();
  let tried = 0;
  let [noticed, refused] = [0, 0];
  const judge = (field: Field | undefined, id: string, outcome: Outcome): void => {
    if (outcome.result === "skipped") return;
    if (field === undefined) {
      if (outcome.result === "failed") survivors.push(`nothing lost: ${describe(id, outcome)}`);
      return;
    }
    fields.add(field);
    tried++;
    const isRefusal = outcome.by === "error" && namesLost(field, outcome.reason);
    if (isRefusal) refused++;
    if (isRefusal || outcome.by === "expectation") noticed++;
    else if (!unseen.has(field)) survivors.push(`${field} (lost at ${placeOf(field)}): ${describe(id, outcome)}`);
  };
  const work = async (): Promise<void> => {
    const target = await openDropping(options);
    // what went wrong is told, also when the target can't be given back for it
    const failures: unknown[] = [];
    try {
      for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
        for (const [{ id }, outcome] of await target.run(job)) judge(job.field, id, outcome);
      }
    } catch (error) {
      failures.push(error);
    }
    await target.close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) {
      throw new AggregateError(failures, failures.map((one) => (one instanceof Error ? one.message : "")).join("\n"));
    }
  };
  // each target is given back, also when another one can't go on
  const ends = await Promise.allSettled(Array.from({ length: options.targets }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return { fields: fields.size, tried, noticed, refused, survivors: survivors.toSorted() };
}

/** Whether an error says that the field is missing. */
function namesLost(field: Field, reason: string): boolean {
  const [, name = ""] = field.split(".");
  return new RegExp(`^INVALID_ARGUMENT: (\\w+\\.)*${name} is (empty|missing)`).test(reason);
}

/** The counts of a run, as a line. */
export function countsOf(target: string, { fields, tried, noticed, refused }: Dropped): string {
  return `${target}: ${noticed} of ${tried} claims on ${fields} fields are true, ${refused} of them by a refusal`;
}

function describe(id: string, { result, by, reason }: Outcome): string {
  return `${id}: ${result}${by === undefined ? "" : ` by ${by}`} ${reason}`.trimEnd();
}

const controlled = 16;

/** First all cases with nothing lost, some at a time; then, by field, those that cover it, the fields of the most first. */
function jobsOf({ engine, cases = selectCases(process.env.KEELSON_CONFORMANCE_ONLY) }: DropperOptions): Job[] {
  const tried = new Set(
    fieldTable().flatMap((cell) =>
      cell.engine === engine && (cell.verdict === "honoured" || cell.verdict === "recorded") ? [cell.field] : [],
    ),
  );
  const controls: Job[] = [];
  for (let at = 0; at < cases.length; at += controlled) {
    controls.push({ field: undefined, cases: cases.slice(at, at + controlled) });
  }
  const byField = Map.groupBy(
    cases.flatMap((named) => named.one.covers.map((field) => ({ field, named }))),
    ({ field }) => field,
  );
  const jobs = [...byField].map(([field, claims]) => ({ field, cases: claims.map(({ named }) => named) }));
  const counted = jobs.filter(({ field }) => tried.has(field));
  return [...controls, ...counted.toSorted((a, b) => b.cases.length - a.cases.length)];
}

interface Dropping {
  run(job: Job): Promise<readonly (readonly [NamedCase, Outcome])[]>;
  close(): Promise<void>;
}

async function openDropping(options: DropperOptions): Promise<Dropping> {
  const { open, concurrency, waitMs, timeoutMs } = options;
  const opened = await open();
  const { restart } = opened.target;
  let restarting: Promise<void> | undefined;
  const remembered: Target["restart"] = (signal, meanwhile) => {
    restarting = restart?.(signal, meanwhile);
    return restarting ?? Promise.resolve();
  };
  const session = await openSession({ ...opened.target, ...(restart && { restart: remembered }) });
  const { runtime, images } = session.connection;

  async function runAll(field: Field | undefined, cases: readonly NamedCase[]): Promise<Map<NamedCase, Outcome>> {
    const outcomes = new Map<NamedCase, Outcome>();
    const waiting = [...cases];
    const work = async (): Promise<void> => {
      for (let named = waiting.shift(); named !== undefined; named = waiting.shift()) {
        // what comes when nothing is lost may be late on a busy machine
        const how = field === undefined ? {} : { intercept: droppingCalls(field), waitMs, timeoutMs };
        outcomes.set(named, await session.run(named.one, how));
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
    return outcomes;
  }

  /** For the next field: nothing is lost, no pod is left, and the image is there. */
  async function tidy(): Promise<void> {
    await restarting; // of a case that ran out of time
    await opened.lose(undefined);
    const own = { timeoutMs: 60_000 }; // who hangs is told
    for (const { id } of (await runtime.listPodSandbox({}, own)).items) {
      await runtime.stopPodSandbox({ podSandboxId: id }, own);
      await runtime.removePodSandbox({ podSandboxId: id }, own);
    }
    await images.pullImage({ image: { image: opened.target.images.busybox } }, own);
  }

  return {
    async run({ field, cases }) {
      const atPort = field !== undefined && placeOf(field) === "port";
      if (atPort) await opened.lose({ field, admitted: false });
      const outcomes = await runAll(field, cases);
      // what an engine does not take without the field may come later than its admission
      const refused = atPort ? cases.filter((one) => outcomes.get(one)?.by === "error") : [];
      if (atPort && refused.length > 0) {
        await opened.lose({ field, admitted: true });
        for (const [named, outcome] of await runAll(field, refused)) outcomes.set(named, outcome);
      }
      await tidy().catch((cause: unknown) => {
        const told = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`after ${field ?? "nothing"} was lost: ${told}`, { cause });
      });
      return [...outcomes];
    },
    async close() {
      // what a case had begun when it failed is hidden until somebody asks for it again, or the runtime starts again
      try {
        await restart?.("SIGTERM");
        await tidy();
      } finally {
        await session.close();
        await opened.close();
      }
    },
  };
}
