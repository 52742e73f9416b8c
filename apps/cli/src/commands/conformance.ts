import { writeFile } from "node:fs/promises";
import { describeTarget, runCases, selectCases, writeJunit, writeTable, writeTap } from "@keelson/conformance";
import { invalidArgument, quote } from "@keelson/cri-api/errors";
import { endpointOf, type GlobalOptions } from "../endpoint.ts";

export interface ConformanceOptions extends GlobalOptions {
  readonly only?: string;
  readonly list?: boolean;
  readonly tap?: boolean;
  /** A file. */
  readonly junit?: string;
  /** The reference of busybox for this runtime. */
  readonly image?: string;
  /** How many cases run side by side, as written on the command line. */
  readonly concurrency?: string;
}

export interface ConformanceResult {
  readonly stdout: string;
  readonly exitCode: number;
}

/** Checks what CRI promises against a runtime, case by case. */
export async function conformance(options: ConformanceOptions): Promise<ConformanceResult> {
  const { only, image, junit, concurrency = "4" } = options;
  const cases = selectCases(only);
  if (cases.length === 0) {
    throw invalidArgument(`select cases ${quote(only ?? "")}: there are none`, {
      hint: "keelson conformance --list shows all",
    });
  }
  if (options.list === true) return { stdout: cases.map(({ id }) => id).join("\n"), exitCode: 0 };
  if (!/^[1-9][0-9]?$/.test(concurrency)) {
    throw invalidArgument(`read --concurrency ${quote(concurrency)}: not a number from 1 to 99`);
  }
  const endpoint = endpointOf(options);
  const target = await describeTarget({ endpoint, ...(image === undefined ? {} : { images: { busybox: image } }) });
  const report = await runCases({ target, cases, concurrency: Number(concurrency) });
  if (junit !== undefined) await writeFile(junit, writeJunit(report));
  const text = options.tap === true ? writeTap(report) : writeTable(report);
  return { stdout: text.trimEnd(), exitCode: report.exitCode };
}
