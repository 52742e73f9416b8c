// A script of the simulated engine as a program for busybox's shell, so that a real runtime does the same.
import type { ContainerScript, ScriptExec, ScriptLine } from "@keelson/runtime-core/sim";

/** What to put into a container's configuration so that it does what a script says. */
export interface Program {
  readonly command: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** The command of a container that does as the script says. Answers of exec are commands of their own: {@link renderExec}. */
export function renderScript(script: ContainerScript): readonly string[] {
  if (script.startError !== undefined) return ["/there/is/no/such/command"];
  return ["sh", "-c", [trap(script), ...play(script)].join("\n")];
}

/** A command that answers as the script says. */
export function renderExec(answer: Omit<ScriptExec, "command">): readonly string[] {
  if (answer.notFound === true) return ["/there/is/no/such/command"];
  const lines = [
    ...(answer.afterMs === undefined ? [] : [`sleep ${seconds(answer.afterMs)}`]),
    ...(answer.stdout === undefined ? [] : [`printf %s ${word(answer.stdout)}`]),
    ...(answer.stderr === undefined ? [] : [`printf %s ${word(answer.stderr)} >&2`]),
    `exit ${answer.code ?? 0}`,
  ];
  return ["sh", "-c", lines.join("\n")];
}

/** PID 1 has no default for a signal: without a trap the kernel drops it. */
function trap({ stop }: ContainerScript): string {
  if (stop === "ignore") return "trap '' TERM";
  const { code = 143, afterMs = 0, log = [] } = stop ?? {};
  const body = [...log.map(say), ...(afterMs === 0 ? [] : [`sleep ${seconds(afterMs)}`]), `exit ${code}`].join("; ");
  return `trap ${word(body)} TERM`;
}

function play({ log = [], exit }: ContainerScript): readonly string[] {
  const lines: string[] = [];
  let atMs = 0;
  const waitUntil = (ms: number): void => {
    if (ms > atMs) lines.push(pause(ms - atMs));
    atMs = Math.max(atMs, ms);
  };
  for (const line of log.toSorted((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0))) {
    waitUntil(line.atMs ?? 0);
    lines.push(say(line));
  }
  if (exit === undefined) return [...lines, `while :; do ${pause(3_600_000)}; done`];
  waitUntil(exit.afterMs ?? 0);
  return [...lines, `exit ${exit.code}`];
}

/** A shell runs its traps only between commands, so it sleeps in `wait`, which a signal ends. */
function pause(ms: number): string {
  return `sleep ${seconds(ms)} & wait $!`;
}

function say({ text, stream }: ScriptLine): string {
  return `printf '%s\\n' ${word(text)}${stream === "stderr" ? " >&2" : ""}`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** One word of the shell, whatever is in it. */
function word(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
