/** What is counted, as an operator reads it. */
export interface MetricDescription {
  /** Lower case with underscores, ending in its unit, such as `keelson_rpc_duration_seconds`. */
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  /** What tells its series apart. Their values come from sets that the code bounds: never an ID, a name or a path. */
  readonly labels?: readonly string[];
}

/** Only grows. */
export interface Counter {
  /** @param amount default 1; never negative */
  add(amount?: number): void;
}

/** How values are distributed. */
export interface Histogram {
  record(value: number): void;
}

/** The series of one metric. */
export interface Series<T> {
  /** The series of these label values, in the order of the labels; the same object each time. */
  of(...values: readonly string[]): T;
}

/** A number that is looked at when somebody asks, with its label values. */
export type Reading = readonly [value: number, ...labels: readonly string[]];

/** Where code counts what it does. Knows nothing of how numbers are shown, or whether they are. Never throws. */
export interface Meter {
  counter(description: MetricDescription): Series<Counter>;
  /** @param bounds upper bounds of its buckets, rising; what is above the last one counts, too */
  histogram(description: MetricDescription, bounds: readonly number[]): Series<Histogram>;
  /**
   * Numbers that are known anyway. `read` is called when somebody asks; a "counter" only grows, a "gauge" is a level.
   * Several may observe one metric, each for series of its own.
   */
  observe(description: MetricDescription, kind: "counter" | "gauge", read: () => Iterable<Reading>): void;
}

const nothing: Counter & Histogram = { add: () => {}, record: () => {} };
const noSeries: Series<Counter & Histogram> = { of: () => nothing };

/** Counts nothing. */
export const silentMeter: Meter = { counter: () => noSeries, histogram: () => noSeries, observe: () => {} };
