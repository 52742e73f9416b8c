import { mkdir, realpath } from "node:fs/promises";
import process from "node:process";
import { type CriError, failedPrecondition, quote } from "@keelson/cri-api/errors";
import { isErrno } from "../sys/syscall-error.ts";

export interface HostPathsOptions {
  /** How many lookups run at once; default half of libuv's pool. */
  readonly most?: number;
  /** For tests: what looks a path up. */
  readonly lookUp?: (path: string) => Promise<string>;
}

interface Lookup {
  readonly path: string;
  readonly outcome: PromiseWithResolvers<string>;
  /** How many wait for it. */
  asked: number;
}

/**
 * Looks up paths of the host that pods want to mount. A dead network file system answers nobody, for hours, and a lookup
 * that hangs holds a thread of libuv's pool, by which also all else of the daemon reaches its disk: so lookups never get
 * more than half of the pool, one path is looked up once however many ask for it, and who asks may go before the answer.
 */
export class HostPaths {
  readonly #most: number;
  readonly #lookUp: (path: string) => Promise<string>;
  /** Lookups that run or wait, by path. */
  readonly #lookups = new Map<string, Lookup>();
  readonly #waiting: Lookup[] = [];
  #running = 0;

  constructor(options: HostPathsOptions = {}) {
    this.#most = options.most ?? Math.max(1, Math.floor((Number(process.env.UV_THREADPOOL_SIZE) || 4) / 2));
    this.#lookUp = options.lookUp ?? lookUp;
  }

  /**
   * The path without links. What is not there becomes a folder, as the kubelet expects it.
   * @throws FAILED_PRECONDITION when it can't be used; the signal's reason
   */
  async resolve(path: string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const lookup = this.#find(path);
    const gone = Promise.withResolvers<never>();
    const leave = (): void => gone.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    lookup.asked++;
    try {
      return await Promise.race([lookup.outcome.promise, gone.promise]);
    } finally {
      lookup.asked--;
      signal.removeEventListener("abort", leave);
    }
  }

  #find(path: string): Lookup {
    const known = this.#lookups.get(path);
    if (known !== undefined) return known;
    const lookup: Lookup = { path, outcome: Promise.withResolvers(), asked: 0 };
    lookup.outcome.promise.catch(() => {}); // everybody who asked may have gone
    this.#lookups.set(path, lookup);
    if (this.#running < this.#most) this.#run(lookup);
    else this.#waiting.push(lookup);
    return lookup;
  }

  #run(lookup: Lookup): void {
    this.#running++;
    const end = (): void => {
      this.#running--;
      this.#lookups.delete(lookup.path);
      const next = this.#next();
      if (next !== undefined) this.#run(next);
    };
    this.#lookUp(lookup.path).finally(end).then(lookup.outcome.resolve, lookup.outcome.reject);
  }

  /** The next for which somebody still waits. */
  #next(): Lookup | undefined {
    for (let lookup = this.#waiting.shift(); lookup !== undefined; lookup = this.#waiting.shift()) {
      if (lookup.asked > 0) return lookup;
      this.#lookups.delete(lookup.path);
    }
    return undefined;
  }
}

async function lookUp(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw unusable(path, error);
  }
  try {
    await mkdir(path, { recursive: true, mode: 0o755 });
    return await realpath(path);
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, cause: unknown): CriError {
  const why = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  return failedPrecondition(`use mount source ${quote(path)}: ${why}`, { cause });
}
