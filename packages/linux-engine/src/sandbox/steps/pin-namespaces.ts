import { mkdir, rmdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { failedPrecondition } from "@keelson/cri-api/errors";
import { type AnyStep, type SandboxRecord, step } from "@keelson/runtime-core/ports";
import { hostNamespaces } from "../../spec/namespaces.ts";
import { unpinNamespace } from "../../sys/namespace-pin.ts";
import { isErrno } from "../../sys/syscall-error.ts";
import { podHostname } from "../pod-files.ts";
import { sandboxPaths } from "../sandbox-paths.ts";
import { sandboxSysctls } from "../sandbox-sysctls.ts";
import type { SandboxTools } from "../sandbox-tools.ts";

export type PinsPlan = {
  /** By kind; a kind that is absent is the host's. */
  readonly pins: { readonly net?: string; readonly ipc?: string; readonly uts?: string };
  /** The folder of those that are not in the folder of all network namespaces. */
  readonly folder: string;
  readonly hostname: string | null;
  readonly sysctls: { readonly [path: string]: string };
};

/** By kind the inode number of the namespace: a name alone would also fit one that somebody made later. */
export type PinsFacts = { readonly net?: string; readonly ipc?: string; readonly uts?: string };

export const pinNamespacesName = "pin-namespaces";

/**
 * The pod's namespaces, kept alive by bind mounts instead of a pause process, with host name, sysctls and loopback. A pod
 * that has none gets the folder all the same: it is not there after a reboot.
 */
export const pinNamespaces: AnyStep<SandboxRecord, SandboxTools> = step<
  SandboxRecord,
  SandboxTools,
  PinsPlan,
  PinsFacts
>({
  name: pinNamespacesName,
  heldUntil: "stop",
  plan: ({ id, config }, { folders }) => {
    const host = hostNamespaces(config);
    const sysctls = sandboxSysctls(config);
    const paths = sandboxPaths(folders, id);
    return {
      pins: {
        ...(host.network ? {} : { net: paths.netns }),
        ...(host.ipc ? {} : { ipc: paths.ipc }),
        ...(host.uts ? {} : { uts: paths.uts }),
      },
      folder: paths.namespaceFolder,
      hostname: host.uts ? null : (podHostname(config) ?? null),
      sysctls,
    };
  },
  apply: async ({ pins, folder, hostname, sysctls }, { namespaces }) => {
    if (pins.net !== undefined) await mkdir(dirname(pins.net), { recursive: true, mode: 0o755 });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (Object.keys(pins).length === 0) return {};
    await namespaces.create(pins, {
      ...(hostname === null ? {} : { hostname }),
      sysctls,
      ...(pins.net === undefined ? {} : { loopback: true }),
    });
    const facts: Record<string, string> = {};
    for (const [kind, path] of Object.entries(pins)) facts[kind] = String((await stat(path)).ino);
    return facts;
  },
  revert: async ({ pins, folder }, _facts, { journal }) => {
    if (journal.steps.some((one) => one.name === "attach-network")) {
      // Plugins find rules of theirs by what they see in the namespace: without it they would stay for ever.
      throw failedPrecondition("keep namespaces: the network is not detached yet");
    }
    for (const path of Object.values(pins)) await unpinNamespace(path);
    await removeFolder(folder);
    await removeFolder(dirname(folder));
  },
});

/** Succeeds when it is not there, or when another step still has something in it. */
async function removeFolder(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTEMPTY")) throw error;
  }
}
