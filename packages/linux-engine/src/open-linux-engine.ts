import type { Engine } from "@keelson/runtime-core/ports";
import { composeLinuxEngine, type LinuxEngineOptions } from "./engine.ts";
import { openImages } from "./image/open-images.ts";

/**
 * Opens the engine that keeps the ports with real containers. Needs Linux, root, conmon and an OCI runtime.
 *
 * Life: one engine for each pair of folders; `reconcile` once; then its roles; `close` leaves running containers alone.
 * @throws FAILED_PRECONDITION with a sentence on what the machine lacks, or when another engine uses the folders
 */
export function openLinuxEngine(options: LinuxEngineOptions): Promise<Engine> {
  return composeLinuxEngine(options, ({ root, registryConfigPath, pinnedImages: pinned, log, meter }) =>
    openImages({ root, registryConfigPath, log, ...(pinned && { pinned }), ...(meter && { meter }) }),
  );
}
