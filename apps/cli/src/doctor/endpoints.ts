import { wellKnownEndpoints } from "@keelson/cri-api/endpoint";

/** What is tried: the flag, else CONTAINER_RUNTIME_ENDPOINT, else the usual places. An empty variable is as good as none. */
export function endpointsToTry(flag: string | undefined, variable: string | undefined): readonly string[] {
  const named = flag ?? (variable || undefined);
  return named === undefined ? Object.values(wellKnownEndpoints) : [named];
}
