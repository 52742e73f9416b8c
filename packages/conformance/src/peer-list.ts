import { readFile } from "node:fs/promises";

/** Cases that a runtime of a version is known to fail, by ID, each with the reason why the case stays as it is. */
export interface PeerList {
  readonly runtime: string;
  readonly version: string;
  readonly known: Readonly<Record<string, KnownFailure>>;
  /** What any case may meet there at times, whatever it is about. */
  readonly anywhere?: readonly Omit<KnownFailure, "transcript">[];
}

export interface KnownFailure {
  /** What the runtime does instead, and why we hold to the case. */
  readonly reason: string;
  /** What the failure says, as a regular expression: one that says something else is not known. */
  readonly says: string;
  /** For one that does not fail always: what has to be so on the node, or happen first. */
  readonly when?: string;
  /** What was asked and answered. */
  readonly transcript: readonly string[];
}

const lists = new URL("../expectations/", import.meta.url);

/** `1.6.20~ds1` is version 1.6.20; what has no number is taken as it is. */
export function shortVersion(version: string): string {
  return /\d+\.\d+(?:\.\d+)?/.exec(version)?.[0] ?? version;
}

/**
 * The list of a runtime: the file `RUNTIME-VERSION.json`. Undefined when there is none: then nothing is expected.
 * @throws when it is there and can't be read
 */
export async function readPeerList(runtime: {
  readonly name: string;
  readonly version: string;
}): Promise<PeerList | undefined> {
  const name = `${runtime.name}-${shortVersion(runtime.version)}`;
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(name)) return undefined;
  const text = await readFile(new URL(`${name}.json`, lists), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as PeerList);
}
