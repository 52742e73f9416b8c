import { Signal } from "@keelson/cri-api/v1";

/** The numbers of Linux on x86 and arm (signal(7)); synonyms have the same number. */
const numbers: ReadonlyMap<string, number> = new Map(
  Object.entries({
    SIGHUP: 1,
    SIGINT: 2,
    SIGQUIT: 3,
    SIGILL: 4,
    SIGTRAP: 5,
    SIGABRT: 6,
    SIGIOT: 6,
    SIGBUS: 7,
    SIGFPE: 8,
    SIGKILL: 9,
    SIGUSR1: 10,
    SIGSEGV: 11,
    SIGUSR2: 12,
    SIGPIPE: 13,
    SIGALRM: 14,
    SIGTERM: 15,
    SIGSTKFLT: 16,
    SIGCHLD: 17,
    SIGCLD: 17,
    SIGCONT: 18,
    SIGSTOP: 19,
    SIGTSTP: 20,
    SIGTTIN: 21,
    SIGTTOU: 22,
    SIGURG: 23,
    SIGXCPU: 24,
    SIGXFSZ: 25,
    SIGVTALRM: 26,
    SIGPROF: 27,
    SIGWINCH: 28,
    SIGIO: 29,
    SIGPOLL: 29,
    SIGPWR: 30,
    SIGSYS: 31,
    SIGRTMIN: 34,
    SIGRTMAX: 64,
  }),
);

/** What the kernel does with them by default does not end a process. */
const harmless: ReadonlySet<number> = new Set([17, 18, 19, 20, 21, 22, 23, 28]);

export const sigterm = 15;
export const sigkill = 9;

/** Undefined for what is no signal. Takes `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`. */
export function signalNumber(name: string): number | undefined {
  if (/^[0-9]{1,2}$/.test(name)) return Number(name) >= 1 && Number(name) <= 64 ? Number(name) : undefined;
  const [, base = "", sign, offset = "0"] = /^([A-Z0-9]{1,12}?)(?:([+-])([0-9]{1,2}))?$/.exec(name) ?? [];
  const number = numbers.get(base.startsWith("SIG") ? base : `SIG${base}`);
  if (number === undefined || sign === undefined) return number;
  const moved = sign === "+" ? number + Number(offset) : number - Number(offset);
  return number >= 34 && moved >= 34 && moved <= 64 ? moved : undefined;
}

/** The number of CRI's enum value; undefined for the default (0) and for what is no signal. */
export function criSignalNumber(signal: Signal | number): number | undefined {
  if (signal === Signal.RUNTIME_DEFAULT) return undefined;
  const name = Object.entries(Signal).find(([, value]) => value === signal)?.[0];
  return name === undefined ? undefined : signalNumber(name.replace("PLUS", "+").replace("MINUS", "-"));
}

const synonyms: ReadonlySet<string> = new Set(["SIGCLD", "SIGIOT", "SIGPOLL"]);

/** CRI's enum value of a signal's number; RUNTIME_DEFAULT for what it has no value for. */
export function criSignal(number: number): Signal {
  const found = Object.entries(Signal).find(
    ([name, value]) => !synonyms.has(name) && criSignalNumber(value) === number,
  );
  return found?.[1] ?? Signal.RUNTIME_DEFAULT;
}

/** True when a process that has no handler for it goes on. */
export function isHarmless(signal: number): boolean {
  return harmless.has(signal);
}
