import { invalidArgument } from "@keelson/cri-api/errors";

/**
 * Which streams a caller may ask for: at least one, and no stderr beside a terminal, which has one output.
 * @throws INVALID_ARGUMENT
 */
export function checkStreams(request: {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}): void {
  const { stdin, stdout, stderr, tty } = request;
  if (!stdin && !stdout && !stderr) throw invalidArgument("stdin, stdout and stderr are all false, want one of them");
  if (tty && stderr) throw invalidArgument("stderr is true beside tty: a terminal has one output, which is stdout");
}
