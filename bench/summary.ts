/** What a row of samples comes to, in milliseconds. */
export interface Summary {
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly samplesMs: readonly number[];
}

/** @throws when there is no sample */
export function summarize(samplesMs: readonly number[]): Summary {
  return { medianMs: quantile(samplesMs, 0.5), p95Ms: quantile(samplesMs, 0.95), samplesMs: samplesMs.map(round) };
}

/** The quantile with linear interpolation between neighbours (Hyndman and Fan's definition 7). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) throw new Error("summarize: no samples");
  return round(below + (above - below) * (place - Math.floor(place)));
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
