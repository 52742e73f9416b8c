import process from "node:process";
import type { WriteStream } from "node:tty";
import { styleText } from "node:util";
import { printableLine } from "../output/printable.ts";
import { duration } from "../output/units.ts";

type Style = "bold" | "dim" | "green" | "red" | "yellow";

const nameWidth = 24;

/** Prints what happens, a line for each stage with its time, in colour on a terminal. */
export class Story {
  readonly #out: WriteStream;
  readonly #live: boolean;
  readonly #began: number = performance.now();
  #stages = 0;

  constructor(out: WriteStream) {
    this.#out = out;
    this.#live = out.isTTY === true && process.env.TERM !== "dumb";
  }

  title(text: string): void {
    this.#write(`\n  ${this.#style("bold", text)}\n`);
  }

  /** One line that must not be overlooked, alone. */
  warn(text: string): void {
    this.#write(`\n${this.#style("yellow", text)}\n`);
  }

  chapter(text: string): void {
    this.#write(`\n  ${this.#style("bold", text)}\n`);
  }

  /**
   * Runs a stage and prints its line: how long it took, what was done, and what came of it (what the task returns when
   * that is text and `tell` was not called).
   */
  async stage<T>(name: string, task: (tell: (result: string) => void) => Promise<T>): Promise<T> {
    const began = performance.now();
    let result: string | undefined;
    if (this.#live) this.#write(`  ${this.#style("dim", "·")}          ${name}`);
    try {
      const value = await task((text) => {
        result = text;
      });
      result ??= typeof value === "string" ? value : undefined;
      this.#stages++;
      this.#line("green", "✓", name, performance.now() - began, result);
      return value;
    } catch (error) {
      this.#line("red", "✗", name, performance.now() - began, undefined);
      throw error;
    }
  }

  /** What somebody else said, below a stage. */
  quote(who: string, text: string): void {
    this.#write(`      ${this.#style("dim", `${who.padStart(9)} │`)} ${printableLine(text)}\n`);
  }

  end(): void {
    const total = duration(performance.now() - this.#began);
    this.#write(`\n  ${this.#style("bold", `${this.#stages} stages in ${total}.`)} Nothing was left behind.\n\n`);
  }

  #line(style: Style, mark: string, name: string, tookMs: number, result: string | undefined): void {
    const clear = this.#live ? "\r\u001b[2K" : "";
    const time = this.#style("dim", duration(tookMs).padStart(8));
    const tail = result === undefined ? "" : `  ${this.#style("dim", printableLine(result))}`;
    const told = tail === "" ? name : name.padEnd(nameWidth);
    this.#write(`${clear}  ${this.#style(style, mark)} ${time}  ${told}${tail}\n`);
  }

  #style(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#out });
  }

  #write(text: string): void {
    this.#out.write(text);
  }
}
