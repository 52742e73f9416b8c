import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import type { HostFacts, Reported } from "./host-facts.ts";

type UnifiedFacts = Pick<HostFacts, "cgroupVersion" | "controllers" | "swapAccounting">;

/** The files of cgroup v2 that a request may write, with the form of their values (Documentation/admin-guide/cgroup-v2). */
const files: ReadonlyMap<string, { readonly controller: string; readonly form: RegExp }> = new Map([
  ["pids.max", { controller: "pids", form: /^(max|[1-9]\d{0,18})$/ }],
  ["memory.oom.group", { controller: "memory", form: /^[01]$/ }],
  ["memory.swap.max", { controller: "memory", form: /^(max|\d{1,19})$/ }],
]);

/**
 * `unified`: files of cgroup v2, by name.
 * @throws FAILED_PRECONDITION for any key on cgroup v1, and for a key that the engine does not keep; INVALID_ARGUMENT
 *   for a value that the file would not take
 */
export function buildUnified(
  unified: Readonly<Record<string, string>>,
  facts: UnifiedFacts,
): { unified: Record<string, string>; reported: Reported[] } {
  const chosen = new Map<string, string>();
  const reported: Reported[] = [];
  for (const [key, value] of Object.entries(unified)) {
    const field = `linux.resources.unified[${quote(key, 100)}]`;
    const why = refuseUnified(key, facts);
    if (why !== undefined) throw failedPrecondition(`set ${field}: value is ${quote(value)}, ${why}`);
    if (files.get(key)?.form.test(value) !== true) {
      throw invalidArgument(`read ${field}: ${quote(value)} is not a value of this file`);
    }
    if (key === "memory.swap.max" && !facts.swapAccounting) {
      // Without a count of swap only "no swap" and "no limit" can be said to be kept: there is no file to write.
      if (value !== "0" && value !== "max") throw failedPrecondition(`set ${field}: this host does not count swap`);
      reported.push({ field, value, why: "this host does not count swap" });
    } else chosen.set(key, value);
  }
  return { unified: Object.fromEntries(chosen), reported };
}

/** Why a key can't be kept on this host; undefined when it can. */
export function refuseUnified(key: string, facts: UnifiedFacts): string | undefined {
  if (facts.cgroupVersion === 1) return "this host has cgroup v1";
  const file = files.get(key);
  if (file === undefined) return `only ${[...files.keys()].join(", ")} are kept`;
  if (!facts.controllers.has(file.controller)) return `this host has no ${file.controller} controller`;
  return undefined;
}
