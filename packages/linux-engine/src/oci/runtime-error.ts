import { type CriError, failedPrecondition, internal, invalidArgument, notFound, quote } from "@keelson/cri-api/errors";

/**
 * What crun and runc say when the command itself is missing. They have no codes, only text, so this is the one place that
 * reads it: runc `exec: "x": executable file not found in $PATH`, `exec: "/x": stat /x: no such file or directory`; crun
 * ``executable file `x` not found in $PATH``, `open executable: No such file or directory`.
 */
const missingCommand = [
  /executable file .{0,4096}? ?not found/i,
  /exec: ".{0,4096}?": (?:stat .{0,4096}?: )?no such file or directory/i,
  /open executable: no such file or directory/i,
];

/** True when the runtime failed because the command is not in the container. */
export function isMissingCommand(message: string): boolean {
  return missingCommand.some((pattern) => pattern.test(message.slice(0, 8192)));
}

/** As above, when the command is there: runc `exec: "/x": permission denied`, crun `open executable: …`. */
const notExecutable = [
  /exec: ".{0,4096}?": (?:permission denied|is a directory)/i,
  /open executable: (?:operation not permitted|permission denied|is a directory)/i,
  /exec format error/i,
];

/** True when the command is in the container and can't be executed: a folder, no permission, another machine's code. */
export function isNotExecutable(message: string): boolean {
  return notExecutable.some((pattern) => pattern.test(message.slice(0, 8192)));
}

/**
 * The runtime's own sentence out of what it wrote: JSON log lines (`--log-format json`), logrus text
 * (`level=error msg="…"`), or plain text. The last error counts.
 */
export function runtimeMessage(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  const messages = lines.filter((line) => line !== "").map(lineMessage);
  return (messages.at(-1) ?? "").slice(0, 4096);
}

function lineMessage(line: string): string {
  if (line.startsWith("{")) {
    try {
      const parsed: unknown = JSON.parse(line);
      if (typeof parsed === "object" && parsed !== null && "msg" in parsed && typeof parsed.msg === "string") {
        return parsed.msg;
      }
    } catch {
      return line; // not JSON after all: the line itself is the message
    }
  }
  const quoted = line.match(/ msg=("(?:[^"\\]|\\.)*")$/)?.[1];
  if (quoted === undefined) return line;
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted; // Go quotes some bytes in ways that JSON has not
  }
}

/**
 * The error for a runtime that failed at `what`: NOT_FOUND for a missing command, FAILED_PRECONDITION for one that can't
 * be executed, else INTERNAL.
 */
export function runtimeFailure(what: string, output: string): CriError {
  const message = runtimeMessage(output);
  if (isMissingCommand(message)) {
    return notFound(`${what}: no such command: ${quote(message, 1000)}`, {
      hint: "check the command, and that the image has it",
    });
  }
  if (isNotExecutable(message)) {
    return failedPrecondition(`${what}: the command can't be executed: ${quote(message, 1000)}`, {
      hint: "check that it is a file, executable for the container's user, and built for this machine",
    });
  }
  if (message === "") return internal(`${what}: the OCI runtime failed without a word`);
  return internal(`${what}: ${quote(message, 2000)}`);
}

/** The error for limits that the runtime could not set, by what the kernel told it. */
export function updateFailure(id: string, output: string): CriError {
  const what = `update container ${id}`;
  const message = runtimeMessage(output);
  const shown = `${what}: ${quote(message, 2000)}`;
  if (/device or resource busy|current usage/i.test(message)) {
    return failedPrecondition(shown, { hint: "a limit can't go below what is in use" });
  }
  if (/invalid argument|numerical result out of range|permission denied/i.test(message)) {
    return invalidArgument(shown, { hint: "see whether the limits fit the pod's own and this machine" });
  }
  return runtimeFailure(what, output);
}
