import type { Counter, Histogram, Meter, MetricDescription, Reading, Series } from "@keelson/runtime-core/ports";

/** One number as it is written down. */
export interface Sample {
  /** Behind the metric's name: "", `_bucket`, `_sum` or `_count`. */
  readonly suffix: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}

/** One metric as it is now. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: readonly Sample[];
}

/** A metric that has so many series has a label that nobody bounded: what is new is counted under `other`. */
const mostSeries = 2000;

interface Family {
  readonly description: MetricDescription;
  readonly type: Metric["type"];
  readonly series: SeriesOf<{ samples(labels: Sample["labels"]): Iterable<Sample> }> | undefined;
  readonly readers: (() => Iterable<Reading>)[];
}

/** Keeps in memory what is counted. Asked for one name again it gives the same metric. */
export class MetricRegistry implements Meter {
  readonly #families = new Map<string, Family>();

  counter(description: MetricDescription): Series<Counter> {
    return this.#family(description, "counter", () => new SeriesOf(description, () => new Count())).series as never;
  }

  histogram(description: MetricDescription, bounds: readonly number[]): Series<Histogram> {
    const series = (): SeriesOf<Distribution> => new SeriesOf(description, () => new Distribution(bounds));
    return this.#family(description, "histogram", series).series as never;
  }

  observe(description: MetricDescription, kind: "counter" | "gauge", read: () => Iterable<Reading>): void {
    this.#family(description, kind, () => undefined).readers.push(read);
  }

  /**
   * All metrics, in the order of their names.
   * @param onError told of a number that could not be read; the others are there all the same
   */
  collect(onError: (name: string, error: unknown) => void): readonly Metric[] {
    const families = [...this.#families.values()].sort((a, b) => (a.description.name < b.description.name ? -1 : 1));
    return families.map(({ description, type, series, readers }) => {
      const { name, help, labels = [] } = description;
      const samples: Sample[] = [...(series?.samples() ?? [])];
      for (const read of readers) {
        try {
          for (const [value, ...values] of read()) samples.push({ suffix: "", labels: pairs(labels, values), value });
        } catch (error) {
          onError(name, error);
        }
      }
      return { name, help, type, samples };
    });
  }

  #family(description: MetricDescription, type: Metric["type"], makeSeries: () => Family["series"]): Family {
    const known = this.#families.get(description.name);
    if (known?.type === type) return known;
    if (known !== undefined) throw new Error(`metric ${description.name} is a ${known.type}, and not a ${type}`);
    const family: Family = { description, type, series: makeSeries(), readers: [] };
    this.#families.set(description.name, family);
    return family;
  }
}

class SeriesOf<T extends { samples(labels: Sample["labels"]): Iterable<Sample> }> implements Series<T> {
  readonly #labels: readonly string[];
  readonly #make: () => T;
  readonly #all = new Map<string, { readonly values: readonly string[]; readonly one: T }>();

  constructor({ labels = [] }: MetricDescription, make: () => T) {
    this.#labels = labels;
    this.#make = make;
  }

  of(...values: readonly string[]): T {
    // a byte that is in no label value of ours
    const key = values.join("\0");
    const known = this.#all.get(key);
    if (known !== undefined) return known.one;
    if (this.#all.size >= mostSeries && values.some((value) => value !== "other")) {
      return this.of(...values.map(() => "other"));
    }
    const one = this.#make();
    this.#all.set(key, { values, one });
    return one;
  }

  *samples(): Iterable<Sample> {
    for (const { values, one } of this.#all.values()) yield* one.samples(pairs(this.#labels, values));
  }
}

class Count implements Counter {
  #value = 0;

  add(amount = 1): void {
    this.#value += amount;
  }

  *samples(labels: Sample["labels"]): Iterable<Sample> {
    yield { suffix: "", labels, value: this.#value };
  }
}

class Distribution implements Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  record(value: number): void {
    let at = 0;
    while (at < this.#bounds.length && value > (this.#bounds[at] ?? 0)) at++;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  *samples(labels: Sample["labels"]): Iterable<Sample> {
    let below = 0;
    for (const [at, count] of this.#counts.entries()) {
      below += count;
      const bound = this.#bounds[at];
      const le = bound === undefined ? "+Inf" : String(bound);
      yield { suffix: "_bucket", labels: [...labels, ["le", le]], value: below };
    }
    yield { suffix: "_sum", labels, value: this.#sum };
    yield { suffix: "_count", labels, value: below };
  }
}

function pairs(names: readonly string[], values: readonly string[]): Sample["labels"] {
  return names.map((name, at) => [name, values[at] ?? ""] as const);
}
