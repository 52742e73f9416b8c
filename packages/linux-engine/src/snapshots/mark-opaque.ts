import { closeSync, constants } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { CriError } from "@keelson/cri-api/errors";
import { openBelow } from "../sys/at.ts";
import { setXattr } from "../sys/xattr.ts";
import { quoteName } from "./layer-error.ts";

const turn = 64;

/**
 * Marks folders of a layer as opaque for overlayfs (`trusted.overlay.opaque`, which needs CAP_SYS_ADMIN and so is not
 * the applier's to set). The paths are a stranger's: the kernel resolves them inside the layer, following no link.
 * @throws INTERNAL when one of them is no folder of the layer
 */
export async function markOpaque(layerFd: number, paths: readonly Buffer[]): Promise<void> {
  for (const [index, path] of paths.entries()) {
    if (index % turn === turn - 1) await setImmediate(); // others want the event loop too
    const fd = openBelow(layerFd, path, constants.O_RDONLY | constants.O_DIRECTORY);
    if (fd < 0)
      throw new CriError("INTERNAL", `mark folder ${quoteName(path)} as opaque: it is no folder of the layer`);
    try {
      setXattr(fd, "trusted.overlay.opaque", Buffer.from("y"));
    } finally {
      closeSync(fd);
    }
  }
}
