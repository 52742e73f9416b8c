import type { Reported } from "./host-facts.ts";

/** What OCI runtimes and systemd take for commands (THREATS T6.02, T6.04); never passed on, even when listed. */
const reserved = ["run.oci.", "krun.", "org.systemd.property."];

export interface AnnotationsInput {
  readonly pod: Readonly<Record<string, string>>;
  readonly container: Readonly<Record<string, string>>;
  /**
   * What the operator lets through to the runtime of this handler: exact names, or the beginning of names before a
   * closing `*`. Empty lets nothing through.
   */
  readonly allowed: readonly string[];
}

/** The annotations that reach the OCI runtime; the container's win over the pod's. */
export function buildAnnotations(input: AnnotationsInput): {
  annotations: Record<string, string>;
  reported: Reported[];
} {
  const chosen = new Map<string, string>();
  const reported: Reported[] = [];
  for (const [key, value] of [...Object.entries(input.pod), ...Object.entries(input.container)]) {
    if (!input.allowed.some((pattern) => matches(key, pattern))) continue;
    if (reserved.some((prefix) => key.startsWith(prefix))) {
      reported.push({ field: `annotations[${key}]`, value, why: "it commands the OCI runtime: never passed on" });
    } else chosen.set(key, value);
  }
  // fromEntries defines own properties, so a name like __proto__ is a name and nothing else.
  return { annotations: Object.fromEntries(chosen), reported };
}

function matches(key: string, pattern: string): boolean {
  return pattern.endsWith("*") ? key.startsWith(pattern.slice(0, -1)) : key === pattern;
}
