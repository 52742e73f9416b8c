import type { Transport } from "@connectrpc/connect";
import { type CriError, isCriError } from "@keelson/cri-api/errors";
import type { CriVersion } from "@keelson/cri-api/versions";
import { isServed } from "../negotiate.ts";

/** What an endpoint says to the call by which a kubelet asks for a version. */
export type VersionAnswer =
  | { readonly answer: "served" }
  /** gRPC's status 12 and nothing else: the only answer that lets a kubelet fall back. */
  | { readonly answer: "unimplemented" }
  | { readonly answer: "failed"; readonly error: CriError };

export interface ProbeVersionsOptions {
  readonly transport: Transport;
  /** For messages. */
  readonly endpoint: string;
  readonly versions: readonly CriVersion[];
  readonly service: "runtime" | "image";
  /** For each version, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Asks an endpoint for each version, by the kubelet's own call: Version of the runtime service, ImageFsInfo of the image
 * service. What fails is told and not thrown, and the other versions are asked all the same.
 */
export async function probeVersions(options: ProbeVersionsOptions): Promise<ReadonlyMap<CriVersion, VersionAnswer>> {
  const answers = new Map<CriVersion, VersionAnswer>();
  for (const version of options.versions) answers.set(version, await probeVersion(version, options));
  return answers;
}

async function probeVersion(version: CriVersion, options: ProbeVersionsOptions): Promise<VersionAnswer> {
  const signal = AbortSignal.timeout(options.timeoutMs);
  try {
    return { answer: (await isServed({ ...options, signal }, version)) ? "served" : "unimplemented" };
  } catch (error) {
    if (!isCriError(error)) throw error;
    return { answer: "failed", error };
  }
}
