export interface LinuxFacts {
  readonly platform: string;
  /** The user's number; -1 where there are none. */
  readonly uid: number;
  /** False when root is root of a user namespace only, as in a rootless container. */
  readonly initialUserNamespace: boolean;
  /** Capabilities that containers need and this process lacks. */
  readonly lacking: readonly string[];
  /** Needed programs that are not there. */
  readonly missing: readonly string[];
}

/** Why no container can be started here, in a few words; undefined when one can. */
export function whySimulated(facts: LinuxFacts): string | undefined {
  if (facts.platform !== "linux") return `not Linux but ${facts.platform}`;
  if (facts.uid !== 0) return "not root";
  if (!facts.initialUserNamespace) return "root of a user namespace only";
  if (facts.lacking.length > 0) return `root without ${facts.lacking.join(", ")}`;
  if (facts.missing.length > 0) return `not installed: ${facts.missing.join(", ")}`;
  return undefined;
}
