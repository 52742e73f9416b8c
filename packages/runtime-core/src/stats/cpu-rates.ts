/** CPU time of an object as it was counted at some moment. */
export interface CpuSample {
  /** Nanoseconds since 1970. */
  readonly atNs: bigint;
  /** Nanoseconds of CPU since the object's start. */
  readonly usedNs: bigint;
}

interface Known extends CpuSample {
  /** The rate up to this sample; undefined for the first one. */
  readonly nanoCores: bigint | undefined;
}

/** Two askers at once must not turn the tick of a clock into a rate. */
const shortestSpanNs = 100_000_000n;
const second = 1_000_000_000n;

/**
 * `usage_nano_cores`: CPU time per second between the last sample that an asker caused and this one, as containerd has
 * it. Nothing is sampled in between: what nobody asks for costs nothing.
 */
export class CpuRates {
  readonly #known = new Map<string, Known>();

  /** How many objects have a sample. */
  get size(): number {
    return this.#known.size;
  }

  /**
   * Nanoseconds of CPU per second up to this sample; undefined for the first one, and after a counter that fell. Within
   * 100 ms of the last sample the last rate is answered.
   */
  next(id: string, sample: CpuSample): bigint | undefined {
    const last = this.#known.get(id);
    const spanNs = last === undefined ? 0n : sample.atNs - last.atNs;
    if (last !== undefined && spanNs >= 0n && spanNs < shortestSpanNs && sample.usedNs >= last.usedNs) {
      return last.nanoCores;
    }
    const isFirst = last === undefined || spanNs < 0n || sample.usedNs < last.usedNs;
    const nanoCores = isFirst ? undefined : ((sample.usedNs - last.usedNs) * second) / spanNs;
    this.#known.set(id, { ...sample, nanoCores });
    return nanoCores;
  }

  /** Forgets all for which `exists` does not hold. */
  prune(exists: (id: string) => boolean): void {
    for (const id of this.#known.keys()) if (!exists(id)) this.#known.delete(id);
  }
}
