import type { Program } from "./program.ts";
import { renderCommand } from "./render-command.ts";

/** The annotation that the simulated engine reads; for other runtimes it is a note like any other. */
export const scriptAnnotation = "keelson.script";

/** The program as the simulated engine's script of one container. */
export function renderScript(program: Program): string {
  const { noCommand, interfaces, exec = [], ...rest } = program;
  const answers = exec.map((command) => ({ command: renderCommand(command), ...command }));
  return JSON.stringify({
    ...rest,
    ...(noCommand === true ? { startError: "there is no such command in the image" } : {}),
    ...(interfaces === undefined ? {} : { usage: [{ interfaces }] }),
    ...(answers.length === 0 ? {} : { exec: answers }),
  });
}
