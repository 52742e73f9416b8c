import { constants, openSync } from "node:fs";
import { failedPrecondition, invalidArgument } from "@keelson/cri-api/errors";
import { closeAll } from "./descriptor.ts";
import { type MountFlag, mount } from "./mount.ts";

const O_PATH = 0o10000000;
const pageBytes = 4096;

export interface OverlayOptions {
  readonly target: string;
  /** Read-only folders, the uppermost first; at least one, or two when there is no `upper`. */
  readonly lower: readonly string[];
  /** The writable folder and the work folder beside it on the same file system; without it the mount is read-only. */
  readonly upper?: { readonly folder: string; readonly work: string };
  /** Further options of overlayfs, such as `volatile` or `metacopy=off`. */
  readonly options?: readonly string[];
  readonly flags?: readonly MountFlag[];
  /** What mountinfo shows as the source; default `overlay`. */
  readonly source?: string;
}

/**
 * Mounts an overlay. The kernel takes a page of options: where the paths don't fit (an image of 100 layers), or hold what
 * it would split at (`:`, `,`, `\`), each folder is opened and named by its descriptor, which fits about 200 of them.
 * @throws SyscallError; FAILED_PRECONDITION for more layers than fit
 */
export async function overlayMount(overlay: OverlayOptions): Promise<void> {
  if (overlay.lower.length === 0) throw invalidArgument("mount overlay: there is no lower folder");
  const plain = overlayData(overlay, (folder) => folder);
  const folders = [
    ...overlay.lower,
    ...(overlay.upper === undefined ? [] : [overlay.upper.folder, overlay.upper.work]),
  ];
  if (Buffer.byteLength(plain) < pageBytes && !folders.some((folder) => /[:,\\]/.test(folder))) {
    return await mountOverlay(overlay, plain);
  }
  const fds: number[] = [];
  try {
    const data = overlayData(overlay, (folder) => {
      const fd = openSync(folder, O_PATH | constants.O_DIRECTORY);
      fds.push(fd);
      return `/proc/self/fd/${fd}`;
    });
    if (data.length >= pageBytes) {
      throw failedPrecondition(`mount overlay: ${overlay.lower.length} layers do not fit into a page of options`, {
        hint: "use an image with fewer layers",
      });
    }
    await mountOverlay(overlay, data);
  } finally {
    closeAll(fds);
  }
}

function overlayData(overlay: OverlayOptions, name: (folder: string) => string): string {
  const { upper } = overlay;
  return [
    `lowerdir=${overlay.lower.map(name).join(":")}`,
    ...(upper === undefined ? [] : [`upperdir=${name(upper.folder)}`, `workdir=${name(upper.work)}`]),
    ...(overlay.options ?? []),
  ].join(",");
}

async function mountOverlay(overlay: OverlayOptions, data: string): Promise<void> {
  await mount({
    source: overlay.source ?? "overlay",
    target: overlay.target,
    type: "overlay",
    data,
    ...(overlay.flags === undefined ? {} : { flags: overlay.flags }),
  });
}
