/**
 * What an operation waits for now, as the end of the sentence "deadline reached while …". One operation writes it; any
 * number of calls that wait for the operation read it.
 */
export class Stage {
  #now: string | Stage;

  constructor(now: string | Stage) {
    this.#now = now;
  }

  get text(): string {
    return typeof this.#now === "string" ? this.#now : this.#now.text;
  }

  /** With a stage instead of a text, this one shows whatever that one shows. */
  set(now: string | Stage): void {
    this.#now = now;
  }
}
