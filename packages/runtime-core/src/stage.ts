/** Told when a stage is over: its words without their object, and how long it took. */
export type StageObserver = (what: string, tookMs: number) => void;

/** What a stage is about, for a reader: a text, or how to make it when somebody asks. */
export type StageObject = string | (() => string);

/**
 * What an operation waits for now, as the end of the sentence "deadline reached while …", and for how long it has. One
 * operation writes it; any number of calls that wait for the operation read it. While it waits for other operations,
 * their stages are shown.
 */
export class Stage {
  readonly #observer: StageObserver | undefined;
  readonly #followed: Stage[] = [];
  #what: string;
  #of: StageObject;
  #sinceMs = performance.now();

  constructor(what: string, of: StageObject = "", observer?: StageObserver) {
    this.#what = what;
    this.#of = of;
    this.#observer = observer;
  }

  /** For instance `waiting for CNI ADD of network "pods" for 12 s`. */
  get text(): string {
    const [first, ...more] = this.#followed;
    if (first !== undefined) return more.length === 0 ? first.text : `${first.text} (and ${more.length} more)`;
    const of = typeof this.#of === "string" ? this.#of : this.#of();
    const seconds = (performance.now() - this.#sinceMs) / 1000;
    return `${this.#what}${of === "" ? "" : ` ${of}`} for ${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  }

  /** A stage that is only told anew, with another object, goes on. */
  set(what: string, of: StageObject = ""): void {
    this.#of = of;
    if (what === this.#what) return;
    this.end();
    this.#what = what;
  }

  /** Shows what another one shows, until the returned function is called. */
  follow(other: Stage): () => void {
    this.#followed.push(other);
    return () => {
      const at = this.#followed.indexOf(other);
      if (at >= 0) this.#followed.splice(at, 1);
    };
  }

  /** Tells the observer of the stage that is over now. */
  end(): void {
    const now = performance.now();
    this.#observer?.(this.#what, now - this.#sinceMs);
    this.#sinceMs = now;
  }
}
