import { expect } from "vitest";
import { doctor } from "../../src/commands/doctor.ts";
import type { DoctorReport, EndpointReport } from "../../src/doctor/report.ts";

/** What JSON says of an endpoint: null where there is nothing. */
export interface Diagnosis extends EndpointReport {
  readonly exitCode: number;
}

/** What `keelson doctor --json` says of one endpoint. */
export async function diagnose(
  endpoint: string,
  options: { readonly timeout?: string; readonly imageEndpoint?: string } = {},
): Promise<Diagnosis> {
  const { stdout, exitCode } = await doctor({ endpoint, json: true, ...options });
  const report = JSON.parse(stdout) as DoctorReport;
  expect(report.exitCode).toBe(exitCode);
  const [one, ...more] = report.endpoints;
  if (one === undefined || more.length > 0) throw new Error(`not one endpoint: ${stdout}`);
  return { ...one, exitCode };
}

/** `v1/v1alpha2 ready`: what a kubelet speaks to runtime and image service, and what becomes of its node. */
export function fate({ kubelets }: EndpointReport, kubelet: string): string {
  const one = kubelets.find((verdict) => verdict.kubelet === kubelet);
  return `${one?.runtime}/${one?.image} ${one?.outcome}`;
}
