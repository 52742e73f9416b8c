import { constants } from "node:os";
import { CriError, type CriErrorCode, type CriErrorOptions, quote } from "@keelson/cri-api/errors";
import type { Exit } from "./spawn.ts";

/** A started program that did not do its work: it failed, took too long or was cancelled. */
export class ProcessError extends CriError {
  readonly argv: readonly string[];
  /** How it ended. */
  readonly exit: Exit;
  /** The last 4 KiB of its standard error, as text. */
  readonly stderrTail: string;
  /** What it had written to standard output, up to the cap. */
  readonly stdout: Buffer;

  constructor(
    code: CriErrorCode,
    argv: readonly string[],
    outcome: { readonly exit: Exit; readonly stderrTail: string; readonly stdout: Buffer; readonly why?: string },
    options: CriErrorOptions = {},
  ) {
    const said = lastLine(outcome.stderrTail);
    const why = outcome.why ?? describeExit(outcome.exit);
    super(code, `run ${quote(argv.join(" "))}: ${why}${said === "" ? "" : `: ${quote(said, 1000)}`}`, options);
    this.name = "ProcessError";
    this.argv = argv;
    this.exit = outcome.exit;
    this.stderrTail = outcome.stderrTail;
    this.stdout = outcome.stdout;
  }
}

/** `exit code 1`, `killed by SIGKILL`. */
export function describeExit(exit: Exit): string {
  if (exit.signal === undefined) return `exit code ${exit.code}`;
  const name = Object.entries(constants.signals).find(([, number]) => number === exit.signal)?.[0];
  return `killed by ${name ?? `signal ${exit.signal}`}`;
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1)?.trim() ?? "";
}
