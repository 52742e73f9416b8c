import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import { type ContainerConfig, Signal } from "@keelson/cri-api/v1";
import type { ImageProcessConfig } from "./host-facts.ts";

/** In the order of their numbers, from 1 (signal(7); the same on x86-64 and arm64). */
const names = `HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN
  TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS`.split(/\s+/);
const aliases: ReadonlyMap<string, string> = new Map([
  ["CLD", "CHLD"],
  ["IOT", "ABRT"],
  ["POLL", "IO"],
]);
const realTimeMin = 34;
const realTimeMax = 64;

/** A signal, as `kill` of an OCI runtime takes it. */
export interface StopSignal {
  readonly name: string;
  readonly number: number;
}

/**
 * What ends a container: the configuration's `stop_signal`, else the image's, else SIGTERM.
 * @throws INVALID_ARGUMENT for a signal of the configuration that does not exist, FAILED_PRECONDITION for one of the image
 */
export function buildStopSignal(config: Pick<ContainerConfig, "stopSignal">, image: ImageProcessConfig): StopSignal {
  const asked = readStopSignal(config);
  if (asked !== undefined) return asked;
  const text = image.stopSignal ?? "";
  if (text === "") return { name: "SIGTERM", number: 15 };
  const number = /^\d{1,2}$/.test(text) ? Number(text) : signalNumber(text.toUpperCase().replace(/^SIG/, ""));
  const name = number === undefined ? undefined : signalName(number);
  if (number === undefined || name === undefined) {
    throw failedPrecondition(`read the image's StopSignal: ${quote(text)} is not a signal`);
  }
  return { name, number };
}

/** The configuration's own; undefined when it leaves it to the image. @throws INVALID_ARGUMENT */
export function readStopSignal(config: Pick<ContainerConfig, "stopSignal">): StopSignal | undefined {
  if (config.stopSignal === Signal.RUNTIME_DEFAULT) return undefined;
  const key = Object.entries(Signal).find(([, value]) => value === config.stopSignal)?.[0];
  const number = signalNumber((key ?? "").replace(/^SIG/, "").replace("PLUS", "+").replace("MINUS", "-"));
  const name = number === undefined ? undefined : signalName(number);
  if (number === undefined || name === undefined) {
    throw invalidArgument(`read stop_signal: ${config.stopSignal} is not a signal`);
  }
  return { name, number };
}

/** The signal of a number as ContainerStatus shows it; RUNTIME_DEFAULT where CRI has no word for it. */
export function criSignal(number: number): Signal {
  const found = Object.entries(Signal).find(([key, value]) => {
    if (value === Signal.RUNTIME_DEFAULT || aliases.has(key.slice(3))) return false;
    return readStopSignal({ stopSignal: value })?.number === number;
  });
  return found?.[1] ?? Signal.RUNTIME_DEFAULT;
}

function signalNumber(name: string): number | undefined {
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime !== null) {
    const offset = Number(realTime[3] ?? 0);
    const number = (realTime[1] === "MIN" ? realTimeMin : realTimeMax) + (realTime[2] === "-" ? -offset : offset);
    return number >= realTimeMin && number <= realTimeMax ? number : undefined;
  }
  const at = names.indexOf(aliases.get(name) ?? name);
  return at === -1 ? undefined : at + 1;
}

function signalName(number: number): string | undefined {
  if (number >= realTimeMin && number <= realTimeMax) {
    return number === realTimeMin ? "SIGRTMIN" : `SIGRTMIN+${number - realTimeMin}`;
  }
  const name = names[number - 1];
  return name === undefined ? undefined : `SIG${name}`;
}
