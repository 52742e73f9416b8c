import type { ServerFacts } from "../probe/server-facts.ts";

/** What decides whether a runtime keeps what a value asks for. */
export interface Circumstances {
  readonly facts: ServerFacts;
  /** The runtime handler that the request names, `""` for the default one; undefined where the request names none. */
  readonly handler: string | undefined;
}

/**
 * Something that a value in a request asks for and that makes a pod safer, more confined or differently wired, so that
 * a runtime which ignores the field would run the pod otherwise than asked without a word.
 */
export interface SecurityEffect<Place> {
  /** For messages, after "asks for". */
  readonly name: string;
  /** Of the place, in the proto file's spelling; all are cleared together, the first one is named. */
  readonly fields: readonly [string, ...string[]];
  /** The minor release of Kubernetes whose CRI brought the fields. */
  readonly broughtIn: number;
  /** The whole place is left out with it: without the field it would be something else. */
  readonly withPlace?: true;
  /** What a runtime shows that keeps it, and why that tells: for the reference page. */
  readonly shownBy: string;
  /** By value: what asks for nothing more than the runtime does anyway is no effect. */
  asked(place: Place): boolean;
  /** What can't be told is not kept. */
  kept(circumstances: Circumstances, place: Place): boolean;
}
