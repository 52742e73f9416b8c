import type { Command, Line, Program } from "./program.ts";

const nowhere = "/there/is/no/such/command";

/** The argument vector of a container that does as the program says. */
export function renderProgram(program: Omit<Program, "exec">): readonly string[] {
  if (program.noCommand === true) return [nowhere];
  return ["sh", "-c", [trap(program), ...(program.interfaces ?? []).map(addInterface), ...play(program)].join("\n")];
}

/** The argument vector of a command that answers as it says. */
export function renderCommand(command: Command): readonly string[] {
  if (command.notFound === true) return [nowhere];
  const lines = [
    ...(command.afterMs === undefined ? [] : [`sleep ${seconds(command.afterMs)}`]),
    ...(command.stdout === undefined ? [] : [`printf %s ${word(command.stdout)}`]),
    ...(command.stderr === undefined ? [] : [`printf %s ${word(command.stderr)} >&2`]),
    `exit ${command.code ?? 0}`,
  ];
  return ["sh", "-c", lines.join("\n")];
}

function addInterface(name: string): string {
  return `ip link add ${word(name)} type bridge`;
}

/** PID 1 has no default for a signal: without a trap the kernel drops it. */
function trap({ stop }: Program): string {
  if (stop === "ignore") return "trap '' TERM";
  const { code = 143, afterMs = 0, log = [] } = stop ?? {};
  const body = [...log.map(say), ...(afterMs === 0 ? [] : [`sleep ${seconds(afterMs)}`]), `exit ${code}`].join("; ");
  return `trap ${word(body)} TERM`;
}

function play({ log = [], exit, endOfInput }: Program): readonly string[] {
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
  // what a shell starts by `&` reads nothing of the shell's own input
  if (endOfInput !== undefined) return [...lines, "exec 3<&0", "cat <&3 & wait $!", `exit ${endOfInput.code}`];
  if (exit === undefined) return [...lines, `while :; do ${pause(3_600_000)}; done`];
  waitUntil(exit.afterMs ?? 0);
  return [...lines, `exit ${exit.code}`];
}

/** A shell runs its traps only between commands, so it sleeps in `wait`, which a signal ends. */
function pause(ms: number): string {
  return `sleep ${seconds(ms)} & wait $!`;
}

function say({ text, stream }: Line): string {
  return `printf '%s\\n' ${word(text)}${stream === "stderr" ? " >&2" : ""}`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** One word of the shell, whatever is in it. */
function word(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
