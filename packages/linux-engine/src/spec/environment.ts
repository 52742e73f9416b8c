import { invalidArgument, quote } from "@keelson/cri-api/errors";
import type { KeyValue } from "@keelson/cri-api/v1";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The kernel takes no longer argument or environment string (MAX_ARG_STRLEN, with its closing NUL). */
export const maxStringBytes: number = 128 * 1024 - 1;

export interface EnvironmentInput {
  readonly image: readonly string[];
  readonly config: readonly KeyValue[];
  readonly hostname: string;
  readonly terminal: boolean;
  /** Undefined leaves HOME to the OCI runtime. */
  readonly home: string | undefined;
}

/**
 * The environment of a container's process in the order of containerd: PATH, TERM (only with a terminal), HOSTNAME, the
 * image's, the configuration's. A later entry replaces an earlier one of the same name where that stands. HOME comes
 * last, and only when nobody has set it.
 * @throws INVALID_ARGUMENT for an entry without name or `=`, with NUL, not in UTF-8, or longer than the kernel takes
 */
export function buildEnvironment(input: EnvironmentInput): string[] {
  const values = new Map<string, string>([["PATH", defaultPath]]);
  if (input.terminal) values.set("TERM", "xterm");
  values.set("HOSTNAME", input.hostname);
  for (const entry of input.image) {
    const [key, value] = splitEntry(entry);
    values.set(key, value);
  }
  for (const [key, value] of readEnvs(input.config)) values.set(key, value);
  if (input.home !== undefined && !values.has("HOME")) values.set("HOME", input.home);
  return [...values].map(([key, value]) => `${key}=${value}`);
}

/** The names and values of `envs`. @throws INVALID_ARGUMENT as {@link buildEnvironment} does */
export function readEnvs(envs: readonly KeyValue[]): [string, string][] {
  return envs.map((entry, index) => {
    const field = `envs[${index}]`;
    if (entry.key === "") throw invalidArgument(`read ${field}: the key is empty`);
    if (entry.key.includes("=")) throw invalidArgument(`read ${field}: key ${quote(entry.key)} holds "="`);
    let value: string;
    try {
      value = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(entry.value);
    } catch (cause) {
      throw invalidArgument(`read ${field}: the value of ${quote(entry.key)} is not UTF-8`, { cause });
    }
    checkString(`${entry.key}=${value}`, field);
    return [entry.key, value];
  });
}

/** @throws INVALID_ARGUMENT for a string that can't be handed to a process */
export function checkString(text: string, field: string): void {
  if (text.includes("\0")) throw invalidArgument(`read ${field}: ${quote(text)} holds a NUL byte`);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxStringBytes) {
    throw invalidArgument(`read ${field}: it has ${bytes} bytes, a process can be given ${maxStringBytes}`);
  }
}

function splitEntry(entry: string): [string, string] {
  const at = entry.indexOf("=");
  if (at <= 0) throw invalidArgument(`read the image's Env: ${quote(entry)} is not of the form NAME=VALUE`);
  checkString(entry, "the image's Env");
  return [entry.slice(0, at), entry.slice(at + 1)];
}
