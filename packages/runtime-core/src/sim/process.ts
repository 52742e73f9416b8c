import { CriError, canceled, failedPrecondition, notFound, quote } from "@keelson/cri-api/errors";
import type { Clock, ContainerExit, ExecRequest, ExecResult, Timer } from "../ports/index.ts";
import { scriptLogLines } from "./log-lines.ts";
import type { ContainerLog } from "./logs.ts";
import type { ContainerScript, ScriptExec, ScriptExit, ScriptLine } from "./script.ts";
import { isHarmless, sigkill } from "./signals.ts";
import { turn } from "./turn.ts";
import { type UsageNow, usageAt } from "./usage-curve.ts";

export interface ProcessOptions {
  readonly id: string;
  /** The sandbox that it runs in. */
  readonly pod: string;
  readonly script: ContainerScript;
  /** Whether it has a standard input, which then never ends. */
  readonly stdin: boolean;
  readonly clock: Clock;
  /** Undefined: nobody wants its lines. */
  readonly log: ContainerLog | undefined;
  /** Called once, when it has ended and its log is whole. */
  readonly onExit: (exit: ContainerExit) => void;
  /** Hears of log lines that could not be written. */
  readonly onError: (error: unknown) => void;
}

interface Moment {
  readonly atMs: number;
  readonly run: () => void;
}

/**
 * A simulated container process: it follows its script by the clock, whoever looks. It survives the engine that
 * started it, as a real one does.
 */
export class SimulatedProcess {
  readonly startedAtNs: bigint;
  readonly #options: ProcessOptions;
  readonly #timers = new Set<Timer>();
  readonly #ended = Promise.withResolvers<void>();
  #stopping = false;
  #ending = false;
  #vanished = false;
  #exit: ContainerExit | undefined;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.startedAtNs = options.clock.now();
    const { script, stdin } = options;
    const { log = [], endOfInput } = script;
    const exit: ScriptExit | undefined = endOfInput === undefined ? script.exit : stdin ? undefined : endOfInput;
    if (exit === undefined) {
      this.#follow(log);
      return;
    }
    const end = (): void => (exit.oomKilled === true ? this.#end(exit.code, "OOMKilled") : this.#end(exit.code));
    this.#follow(log, { atMs: exit.afterMs ?? 0, run: end });
  }

  /** Undefined while it runs. */
  get exit(): ContainerExit | undefined {
    return this.#exit;
  }

  /** The sandbox that it runs in. */
  get pod(): string {
    return this.#options.pod;
  }

  /** What it uses now; after its end, what it had used. */
  usage(): UsageNow {
    const { clock, script } = this.#options;
    return usageAt(script.usage ?? [], (this.#exit?.finishedAtNs ?? clock.now()) - this.startedAtNs);
  }

  /** Goes on in a new log file, after somebody has moved the old one away. */
  async reopenLog(): Promise<void> {
    if (this.#ending)
      throw failedPrecondition(`reopen the log of container ${quote(this.#options.id)}: it does not run`);
    await this.#options.log?.reopen();
  }

  /** Does what the script says of a stop signal. Succeeds when it has ended. */
  signal(signal: number): void {
    if (signal === sigkill) {
      this.kill();
      return;
    }
    const { stop } = this.#options.script;
    if (this.#ending || this.#stopping || stop === "ignore" || (stop === undefined && isHarmless(signal))) return;
    this.#stopping = true;
    this.#follow(stop?.log ?? [], { atMs: stop?.afterMs ?? 0, run: () => this.#end(stop?.code ?? 128 + signal) });
  }

  /** Ends it at once, as SIGKILL does. */
  kill(): void {
    this.#end(128 + sigkill);
  }

  /** The machine went down under it: nobody notes its end. */
  vanish(): void {
    this.#ending = true;
    this.#vanished = true;
    this.#clearTimers();
    this.#options.log?.close();
    this.#ended.resolve();
  }

  /** Runs a command in it, as the script answers. */
  async exec(request: ExecRequest): Promise<ExecResult> {
    const { id, clock, script } = this.#options;
    request.signal.throwIfAborted();
    if (this.#ending) throw failedPrecondition(`exec in container ${quote(id)}: it does not run`);
    const answer = script.exec?.find((one) => isFor(one, request.command)) ?? {};
    const words = request.command.map((word) => quote(word)).join(" ");
    if (answer.notFound === true) {
      throw notFound(`exec ${words} in container ${quote(id)}: no such command`, {
        hint: "look for the command in the container's image",
      });
    }
    const timers = new Set<Timer>();
    const { promise, resolve, reject } = Promise.withResolvers<ExecResult>();
    const abort = (): void => reject(canceled(`exec ${words}: the caller went`, { cause: request.signal.reason }));
    request.signal.addEventListener("abort", abort, { once: true });
    if (request.timeoutMs !== undefined) {
      const late = `exec ${words}: took longer than ${request.timeoutMs} ms`;
      timers.add(clock.after(request.timeoutMs, () => reject(new CriError("DEADLINE_EXCEEDED", late))));
    }
    const done = (): void => resolve(resultOf(answer));
    if (answer.afterMs === undefined || answer.afterMs === 0) void turn().then(done);
    else timers.add(clock.after(answer.afterMs, done));
    // the end of a container takes all its processes with it
    void this.#ended.promise.then(() => resolve(resultOf({ code: 128 + sigkill })));
    try {
      return await promise;
    } finally {
      request.signal.removeEventListener("abort", abort);
      for (const timer of timers) timer.cancel();
    }
  }

  #later(delayMs: number, run: () => void): void {
    if (delayMs === 0) {
      void turn().then(() => {
        if (!this.#ending) run();
      });
      return;
    }
    const timer = this.#options.clock.after(delayMs, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
  }

  /** Says lines and ends, in the order of their times, however late timers come. */
  #follow(lines: readonly ScriptLine[], end?: Moment): void {
    const later: Moment[] = [];
    for (const line of lines) {
      if (line.atMs === undefined || line.atMs === 0) this.#write(line);
      else later.push({ atMs: line.atMs, run: () => this.#write(line) });
    }
    const waiting = (end === undefined ? later : [...later, end]).toSorted((a, b) => a.atMs - b.atMs);
    for (const moment of [...waiting]) {
      this.#later(moment.atMs, () => {
        while (waiting.includes(moment) && !this.#ending) waiting.shift()?.run();
      });
    }
  }

  #write(line: ScriptLine): void {
    const { log, clock, onError } = this.#options;
    if (log === undefined) return;
    try {
      for (const text of scriptLogLines(line, clock.now())) log.write(text);
    } catch (error) {
      // a full disk loses lines and stops no container
      onError(error);
    }
  }

  #end(code: number, reason?: "OOMKilled"): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#clearTimers();
    // the signal is sent before the process is gone: its end is seen later
    void turn().then(() => {
      if (this.#vanished) return;
      const { log, clock, onExit } = this.#options;
      log?.close();
      this.#exit = {
        code,
        finishedAtNs: clock.now(),
        reason: reason ?? (code === 0 ? "Completed" : "Error"),
        message: "",
      };
      this.#ended.resolve();
      onExit(this.#exit);
    });
  }

  #clearTimers(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}

function resultOf(answer: ScriptExec): ExecResult {
  const encoder = new TextEncoder();
  return {
    exitCode: answer.code ?? 0,
    stdout: encoder.encode(answer.stdout ?? ""),
    stderr: encoder.encode(answer.stderr ?? ""),
  };
}

function isFor({ command }: ScriptExec, asked: readonly string[]): boolean {
  return command === undefined || (command.length === asked.length && command.every((word, at) => word === asked[at]));
}
