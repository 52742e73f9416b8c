/**
 * What a container does, as data: on Linux it becomes a command for busybox's shell, and the simulated engine reads it as
 * the annotation `keelson.script`. Times count from the start. Without `exit` it runs until it is stopped.
 */
export interface Program {
  readonly log?: readonly Line[];
  readonly exit?: { readonly code: number; readonly afterMs?: number };
  /** It ends when its standard input does: at once where it has none. Needs no `exit`. */
  readonly endOfInput?: { readonly code: number };
  /** What the stop signal does. Default: it ends with 143. */
  readonly stop?: "ignore" | { readonly code?: number; readonly afterMs?: number; readonly log?: readonly Line[] };
  /** Its command is not in the image. */
  readonly noCommand?: true;
  /** Network interfaces that it adds to its pod's network; needs NET_ADMIN. */
  readonly interfaces?: readonly string[];
  /** The commands that may be run in it. */
  readonly exec?: readonly Command[];
}

export interface Line {
  readonly text: string;
  /** Default stdout. */
  readonly stream?: "stdout" | "stderr";
  /** Default 0. */
  readonly atMs?: number;
}

/** A command for ExecSync. It must be in its container's program. */
export interface Command {
  /** Default 0. */
  readonly code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly afterMs?: number;
  /** There is no such command in the image. */
  readonly notFound?: boolean;
}

/** Ends soon after its start. */
export function exit(code: number, afterMs = 0): Program {
  return { exit: { code, afterMs } };
}

/** Runs until it is stopped; says `ready` when its shell is ready for signals. */
export const sleeps: Program = { log: [{ text: "ready" }] };

/** As {@link sleeps}, and nothing but a kill ends it. */
export const ignoresStop: Program = { log: [{ text: "ready" }], stop: "ignore" };

/** As {@link sleeps}; it says `bye` to the stop signal, and only a kill ends it. */
export const lingers: Program = { ...sleeps, stop: { log: [{ text: "bye" }], afterMs: 3_600_000 } };

/** Writes lines to stdout and ends with 0. */
export function says(...texts: readonly string[]): Program {
  return { log: texts.map((text) => ({ text })), exit: { code: 0 } };
}

/** Writes what it reads, and ends with the code when there is nothing more to read. */
export function echoes(code: number): Program {
  return { endOfInput: { code } };
}

/** Can't be started: its command is not in the image. */
export const noSuchCommand: Program = { noCommand: true };
