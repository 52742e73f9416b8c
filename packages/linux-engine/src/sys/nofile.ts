import { must, native } from "./libc.ts";

const RLIMIT_NOFILE = 7;
const prlimit = native("int prlimit(int pid, int resource, void *wanted, _Out_ void *had)");

/** The soft limit of open files that Linux and systemd give to a process that asks for nothing. */
export const defaultNofile = 1024;

// Room for what the pool's threads may open while our own limit is lowered.
const reserve = 64;

interface Limit {
  readonly soft: bigint;
  readonly hard: bigint;
}

let own: Limit | undefined;

function getLimit(): Limit {
  const had = Buffer.alloc(16);
  must(prlimit(0, RLIMIT_NOFILE, null, had), "prlimit");
  return { soft: had.readBigUInt64LE(0), hard: had.readBigUInt64LE(8) };
}

function setLimit(pid: number, limit: Limit): void {
  const wanted = Buffer.alloc(16);
  wanted.writeBigUInt64LE(limit.soft, 0);
  wanted.writeBigUInt64LE(limit.hard, 8);
  must(prlimit(pid, RLIMIT_NOFILE, wanted, null), "prlimit", String(pid));
}

/**
 * Runs `start`, which makes a child and answers its pid, so that the child's soft limit of open files is `soft` (or the
 * hard limit, if that is lower). Node raises its own to the hard limit, which a child must not inherit: programs that
 * close or poll every possible descriptor crawl, and `select` breaks.
 *
 * @param lowestFree a descriptor number below which all are taken. posix_spawn knows no limits, so ours is lowered
 * for the length of the call; where so many descriptors are open that another thread could miss one, the child's is
 * set right after its start instead.
 */
export function withNofile(soft: number, lowestFree: number, start: () => number): number {
  own ??= getLimit();
  const child: Limit = { soft: BigInt(soft) < own.hard ? BigInt(soft) : own.hard, hard: own.hard };
  if (child.soft >= own.soft) return start();
  if (lowestFree + reserve > soft) {
    const pid = start();
    setLimit(pid, child);
    return pid;
  }
  setLimit(0, child);
  try {
    return start();
  } finally {
    setLimit(0, own);
  }
}
