import type { EngineLog } from "../log.ts";

/** So many objects are read at once: libuv's pool has other work, too. */
const lanes = 4;

/** @param kind what the records are, for the log */
export type MeasureEach = <R extends { readonly id: string }, F>(
  kind: string,
  records: readonly R[],
  measure: (record: R) => Promise<F>,
) => Promise<ReadonlyMap<string, F>>;

/** Measures objects side by side; `what` is said in the log of those that can't be read. One of them spoils no other. */
export function measuringLanes(log: EngineLog, what: string): MeasureEach {
  return async (kind, records, measure) => {
    const figures = new Map<string, Awaited<ReturnType<typeof measure>>>();
    const left = records.values();
    const lane = async (): Promise<void> => {
      for (const record of left) {
        try {
          figures.set(record.id, await measure(record));
        } catch (error) {
          log.warn(`${what} of a ${kind} could not be read`, { id: record.id, error });
        }
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return figures;
  };
}
