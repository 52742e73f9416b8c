import type { WriteStream } from "node:tty";
import { styleText } from "node:util";
import { duration } from "../output/units.ts";

type Colour = "bold" | "dim" | "green" | "red" | "yellow";

/** Prints what happens, a line for each stage with its time, in colour on a terminal. */
export class Story {
  readonly #out: WriteStream;
  readonly #began: number = performance.now();
  #stages = 0;

  constructor(out: WriteStream) {
    this.#out = out;
  }

  title(text: string): void {
    this.#write(`\n  ${this.#style("bold", text)}\n\n`);
  }

  warn(text: string): void {
    this.#write(`  ${this.#style("yellow", text)}\n\n`);
  }

  /**
   * Runs a stage and prints its line: what was done, how long it took, and what came of it (what the task returns when
   * that is text and `tell` was not called).
   */
  async stage<T>(name: string, task: (tell: (result: string) => void) => Promise<T>): Promise<T> {
    const began = performance.now();
    let result: string | undefined;
    try {
      const value = await task((text) => {
        result = text;
      });
      result ??= typeof value === "string" ? value : undefined;
      this.#line("green", "✓", name, performance.now() - began, result);
      this.#stages++;
      return value;
    } catch (error) {
      this.#line("red", "✗", name, performance.now() - began, undefined);
      throw error;
    }
  }

  end(): void {
    const total = duration(performance.now() - this.#began);
    this.#write(`\n  ${this.#style("bold", `${this.#stages} stages in ${total}.`)} Nothing was left behind.\n\n`);
  }

  #line(colour: Colour, mark: string, name: string, tookMs: number, result: string | undefined): void {
    const time = duration(tookMs).padStart(9);
    const tail = result === undefined ? "" : `\n              ${this.#style("dim", result)}`;
    this.#write(`  ${this.#style(colour, mark)} ${this.#style("dim", time)} ${name}${tail}\n`);
  }

  #style(colour: Colour, text: string): string {
    return styleText(colour, text, { stream: this.#out });
  }

  #write(text: string): void {
    this.#out.write(text);
  }
}
