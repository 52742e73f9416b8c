// Whose the time is in a CPU profile of V8: by part (a package, node:http2, the collector) and by function.
import type { Profiler } from "node:inspector";

export interface ProfilePart {
  readonly name: string;
  /** Of the time in which the process did something, 0 to 1. */
  readonly share: number;
}

export interface ProfileSummary {
  /** The largest first; what is below 0.5 % is left out. */
  readonly parts: readonly ProfilePart[];
  /** The functions with the most time of their own, `name (part)`, the largest first. */
  readonly functions: readonly ProfilePart[];
}

const functionsShown = 12;
const leastShare = 0.005;

export function summarizeProfile(profile: Profiler.Profile): ProfileSummary {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byPart = new Map<string, number>();
  const byFunction = new Map<string, number>();
  let busy = 0;
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const frame = frames.get(id);
    const micros = profile.timeDeltas?.[index] ?? 0;
    if (frame === undefined || frame.functionName === "(idle)" || frame.url === "node:inspector") continue;
    const part = partOf(frame);
    busy += micros;
    byPart.set(part, (byPart.get(part) ?? 0) + micros);
    if (frame.functionName.startsWith("(") && frame.url === "") continue;
    const name = `${frame.functionName === "" ? "(anonymous)" : frame.functionName} (${part})`;
    byFunction.set(name, (byFunction.get(name) ?? 0) + micros);
  }
  const shares = (of: ReadonlyMap<string, number>): ProfilePart[] =>
    [...of]
      .map(([name, micros]) => ({ name, share: micros / busy }))
      .filter(({ share }) => share >= leastShare)
      .toSorted((a, b) => b.share - a.share);
  return { parts: shares(byPart), functions: shares(byFunction).slice(0, functionsShown) };
}

const nodeParts: readonly (readonly [RegExp, string])[] = [
  [/^$/, "native code"],
  [/^node:internal\/http2\//, "node:http2"],
  [/^node:(?:internal\/streams\/|stream|_stream|events)/, "node:stream and node:events"],
  [/^node:(?:net|internal\/(?:net|stream_base_commons))/, "node:net"],
  [/^node:internal\/(?:abort_controller|event_target|per_context\/domexception)/, "AbortController and its events"],
  [/^node:internal\/deps\/undici\//, "Headers"],
  [/^node:(?:timers|internal\/(?:timers|priority_queue|linkedlist))/, "timers"],
  [/^node:/, "the rest of Node"],
];

/** A package's name, a part of Node, or what V8 puts in parentheses. */
export function partOf({ functionName, url }: { readonly functionName: string; readonly url: string }): string {
  if (functionName === "(garbage collector)") return "garbage collector";
  const found = nodeParts.find(([pattern]) => pattern.test(url));
  if (found !== undefined) return found[1];
  const dependency = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (dependency !== undefined) return dependency;
  const own = /\/packages\/([^/]+)\//.exec(url)?.[1];
  return own === undefined ? "the benchmark" : `@keelson/${own}`;
}
