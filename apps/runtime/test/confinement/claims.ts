// Which fields of default deny the tests claim: a field without a test fails, and so does a claim without a field.
import type { DescField } from "@bufbuild/protobuf";
import type { TestOptions } from "vitest";
import { ruleTables } from "../../../../packages/linux-engine/src/spec/guard.ts";

/** What a test shows of a field: its effect inside the container, its refusal, or that the status tells it is ignored. */
type Proof = "observed" | "refused" | "reported";

const claims: Record<Proof, Set<string>> = { observed: new Set(), refused: new Set(), reported: new Set() };

/**
 * Fields (`Message.field`, of an enum with `=VALUE`) that a test observes from inside a container; given to the test as
 * its options, so that what is claimed stands beside what is shown.
 */
export const observes = (...fields: readonly string[]): TestOptions => claim("observed", fields);
/** As {@link observes}: values that are refused by name. */
export const refuses = (...fields: readonly string[]): TestOptions => claim("refused", fields);
/** As {@link observes}: fields that do nothing, and are reported so. */
export const reports = (...fields: readonly string[]): TestOptions => claim("reported", fields);

function claim(proof: Proof, fields: readonly string[]): TestOptions {
  for (const field of fields) claims[proof].add(field);
  return {};
}

/** Refusals that this machine can't show, because it has what others lack: `guard.test.ts` shows them. */
const refusedElsewhere: ReadonlySet<string> = new Set([
  "LinuxContainerSecurityContext.seccomp", // a kernel that can't filter
  "LinuxContainerSecurityContext.seccomp_profile_path",
  "Mount.recursive_read_only", // an OCI runtime that can't
  ...["cpu_quota", "cpu_shares", "memory_limit_in_bytes", "cpuset_cpus", "cpuset_mems"].map(
    (field) => `LinuxContainerResources.${field}`, // a machine without the controller
  ),
]);

/** Ignored fields that ask for nothing on a machine without what they are for. */
const meaningless: ReadonlySet<string> = new Set(["Mount.selinux_relabel"]);
/** An enum with more values than this is one thing to observe. */
const manyValues = 8;

/** What is not as it should be, a sentence each. */
export function unprovenFields(): readonly string[] {
  const known = new Set<string>();
  const problems: string[] = [];
  for (const { message, rules } of ruleTables) {
    for (const field of message.fields) {
      const name = `${message.name}.${field.name}`;
      const values = valuesOf(field).map((value) => `${name}=${value}`);
      for (const one of [name, ...values]) known.add(one);
      const rule = rules[field.localName];
      // what is a message of its own is shown field by field
      if (rule === undefined || rule.text === field.message?.name) continue;
      const shown = (proof: Proof): boolean => [name, ...values].some((one) => claims[proof].has(one));
      const either = (one: string): boolean => claims.observed.has(one) || claims.refused.has(one);
      const need = (is: boolean, what: string): void => {
        if (!is) problems.push(`${name}: ${what}`);
      };
      const told = rule.verdict === "ignored" || (rule.verdict === "refused" && rule.call !== undefined);
      if (told) need(shown("reported") || meaningless.has(name), "no test sees it reported");
      else if (rule.refuse !== undefined) {
        need(shown("refused") || refusedElsewhere.has(name), "no test sees a value of it refused");
      }
      if (rule.verdict === "honoured") need(shown("observed"), "no test observes it");
      if (!told) for (const one of values) need(either(one), `no test for ${one}`);
    }
  }
  const claimed = [...claims.observed, ...claims.refused, ...claims.reported];
  return [...problems, ...claimed.filter((one) => !known.has(one)).map((one) => `${one}: there is no such field`)];
}

function valuesOf(field: DescField): readonly string[] {
  const values = field.enum?.values.map(({ name }) => name) ?? [];
  return values.length > manyValues ? [] : values;
}
