import process from "node:process";
import { invalidArgument, isCriError, quote } from "@keelson/cri-api/errors";
import { collectFacts } from "../doctor/collect-facts.ts";
import { endpointsToTry } from "../doctor/endpoints.ts";
import { renderReport } from "../doctor/render-report.ts";
import { reportAsJson, reportOn } from "../doctor/report.ts";
import type { GlobalOptions } from "../endpoint.ts";
import { failure } from "../output/failure.ts";

export interface DoctorOptions extends GlobalOptions {
  readonly imageEndpoint?: string;
  /** Seconds, as written on the command line. */
  readonly timeout?: string;
  readonly json?: boolean;
}

export interface DoctorResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

const usageError = 2;
const longestTimeoutMs = 600_000;

/** Tells what kubelets of each generation do with the runtimes of this machine. */
export async function doctor(options: DoctorOptions): Promise<DoctorResult> {
  try {
    const timeoutMs = timeoutOf(options.timeout ?? "5");
    const endpoints = endpointsToTry(options.endpoint, process.env.CONTAINER_RUNTIME_ENDPOINT);
    const { imageEndpoint } = options;
    const facts = endpoints.map((endpoint) => collectFacts({ endpoint, imageEndpoint, timeoutMs }));
    const report = reportOn(await Promise.all(facts));
    const stdout = options.json === true ? reportAsJson(report) : renderReport(report);
    return { stdout, stderr: "", exitCode: report.exitCode };
  } catch (error) {
    if (!isCriError(error, "INVALID_ARGUMENT")) throw error;
    return { stdout: "", stderr: await failure(error), exitCode: usageError };
  }
}

function timeoutOf(text: string): number {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Math.round(Number(text) * 1000) : 0;
  if (ms > 0 && ms <= longestTimeoutMs) return ms;
  throw invalidArgument(
    `read --timeout ${quote(text)}: not a number of seconds from 0.001 to ${longestTimeoutMs / 1000}`,
    {
      hint: "write it as --timeout 5",
    },
  );
}
