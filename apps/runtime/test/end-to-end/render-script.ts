// A script of the simulated engine as a program for busybox's shell, so that a real runtime does the same.
import type { ContainerScript, ScriptExec } from "@keelson/runtime-core/sim";
import { renderCommand, renderProgram } from "../../../../packages/conformance/src/program/render-command.ts";

/** What to put into a container's configuration so that it does what a script says. */
export interface Program {
  readonly command: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** The command of a container that does as the script says. Answers of exec are commands of their own: {@link renderExec}. */
export function renderScript({ startError, ...script }: ContainerScript): readonly string[] {
  return renderProgram(startError === undefined ? script : { noCommand: true });
}

/** A command that answers as the script says. */
export function renderExec(answer: Omit<ScriptExec, "command">): readonly string[] {
  return renderCommand(answer);
}
