import type { CriError } from "@keelson/cri-api/errors";
import { RegistryError, refused } from "./registry-error.ts";
import { type Capability, hostLabel, type RegistryHost } from "./registry-host.ts";
import type { RegistrySession } from "./registry-session.ts";
import { retryDelay, throwIfAborted } from "./retry.ts";

export interface HostTask<T> {
  readonly capability: Capability;
  readonly what: string;
  readonly signal: AbortSignal;
  /** Origins that are not asked. */
  readonly avoid?: ReadonlySet<string>;
  run(host: RegistryHost): Promise<T>;
}

const silent = new WeakMap<RegistrySession, Set<string>>();

/** Origins that gave no answer, or broke one off, during this session: they are asked last from then on. */
function silentOrigins(session: RegistrySession): Set<string> {
  const known = silent.get(session) ?? new Set<string>();
  silent.set(session, known);
  return known;
}

/** Puts a host at the end of the order for the rest of the session. */
export function askLast(session: RegistrySession, host: RegistryHost): void {
  silentOrigins(session).add(host.origin);
}

/**
 * Runs a task on one host after the other until it succeeds: mirrors first, the registry last, each with retries. A host
 * that can't be reached is not tried twice while another is left. The registry's own answer is the one reported, with
 * what the others said behind it.
 * @throws RegistryError, CANCELED, DEADLINE_EXCEEDED
 */
export async function tryHosts<T>(session: RegistrySession, task: HostTask<T>): Promise<T> {
  const down = silentOrigins(session);
  const able = session.hosts.filter(
    (host) => host.capabilities.has(task.capability) && task.avoid?.has(host.origin) !== true,
  );
  const order = [...able.filter((host) => !down.has(host.origin)), ...able.filter((host) => down.has(host.origin))];
  const failures: { host: RegistryHost; error: RegistryError }[] = [];
  for (const [i, host] of order.entries()) {
    try {
      return await tryHost(session, host, { ...task, isLast: i === order.length - 1 });
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      if (error.unreachable) askLast(session, host);
      failures.push({ host, error });
    }
  }
  throw summary(failures, task);
}

async function tryHost<T>(
  session: RegistrySession,
  host: RegistryHost,
  task: HostTask<T> & { readonly isLast: boolean },
): Promise<T> {
  const { retry, sleep } = session.deps;
  for (let attempt = 2; ; attempt++) {
    try {
      return await task.run(host);
    } catch (error) {
      if (!(error instanceof RegistryError) || (error.unreachable && !task.isLast)) throw error;
      const delay = retryDelay(error, attempt, retry);
      if (delay === undefined) throw error;
      await sleep(delay, task.signal).catch(() => throwIfAborted(task.signal, task.what));
    }
  }
}

function summary(failures: readonly { host: RegistryHost; error: RegistryError }[], task: HostTask<unknown>): CriError {
  const told = failures.find(({ host }) => host.isRegistry) ?? failures.at(-1);
  if (told === undefined) {
    return refused(`${task.what}: no configured host may be asked`, `give one the capability "${task.capability}"`);
  }
  const { error } = told;
  const others = failures.filter((failure) => failure !== told);
  if (others.length === 0) return error;
  const words = others.map(({ host, error: other }) => `${hostLabel(host)}: ${other.message.slice(0, 200)}`);
  return new RegistryError(error.code, `${error.message}; before that ${words.join("; ")}`, {
    cause: error,
    retryable: error.retryable,
    unreachable: error.unreachable,
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(error.prefix !== undefined && { prefix: error.prefix }),
    ...(error.status !== undefined && { status: error.status }),
  });
}
