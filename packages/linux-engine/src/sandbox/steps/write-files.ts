import { lstat, mkdir, open, readFile, rmdir, unlink } from "node:fs/promises";
import { hostname as hostHostname } from "node:os";
import { dirname, join } from "node:path";
import { internal, quote } from "@keelson/cri-api/errors";
import { type AnyStep, type SandboxRecord, step } from "@keelson/runtime-core/ports";
import { isErrno } from "../../sys/syscall-error.ts";
import { podHostname, resolvConfText } from "../pod-files.ts";
import { sandboxPaths } from "../sandbox-paths.ts";
import type { SandboxTools } from "../sandbox-tools.ts";

type Plan = {
  readonly folder: string;
  readonly hostname: string;
  /** Null: a copy of the host's. */
  readonly resolvConf: string | null;
};

const names = ["hostname", "hosts", "resolv.conf"] as const;
const hostFileCapBytes = 1024 * 1024;

/**
 * The files that containers get bind-mounted, in a folder of the daemon; never a file inside a root file system
 * (CVE-2024-5154). `hosts` is a copy of the host's for pods without a mount of their own, as containerd has it.
 */
export const writeFiles: AnyStep<SandboxRecord, SandboxTools> = step<
  SandboxRecord,
  SandboxTools,
  Plan,
  Record<string, never>
>({
  name: "write-files",
  heldUntil: "remove",
  plan: ({ id, config }, { folders }) => ({
    folder: sandboxPaths(folders, id).files.folder,
    hostname: podHostname(config) ?? hostHostname(),
    resolvConf: resolvConfText(config.dnsConfig) ?? null,
  }),
  apply: async ({ folder, hostname, resolvConf }) => {
    await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
    await mkdir(folder, { mode: 0o700 });
    await writeNew(join(folder, "hostname"), `${hostname}\n`);
    await writeNew(join(folder, "hosts"), await hostFile("/etc/hosts"));
    await writeNew(join(folder, "resolv.conf"), resolvConf ?? (await hostFile("/etc/resolv.conf")));
    return {};
  },
  revert: ({ folder }) => removeFiles(folder),
});

/** Removes what was made and nothing else: never a tree, and never through a link that somebody put in its place. */
export async function removeFiles(folder: string): Promise<void> {
  const stat = await lstat(folder).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (stat === undefined) return;
  if (!stat.isDirectory()) throw internal(`remove ${quote(folder)}: it is not a folder any more`);
  for (const name of names) await unlink(join(folder, name)).catch(ignoreMissing);
  await rmdir(folder);
}

/** Readable for every user of a container: the folder around it keeps the host's users out. */
async function writeNew(path: string, content: string | Buffer): Promise<void> {
  const file = await open(path, "wx", 0o644);
  try {
    await file.chmod(0o644); // whatever the umask says
    await file.writeFile(content);
  } finally {
    await file.close();
  }
}

async function hostFile(path: string): Promise<Buffer> {
  try {
    const content = await readFile(path);
    if (content.length <= hostFileCapBytes) return content;
    throw internal(`copy ${quote(path)}: ${content.length} bytes, at most ${hostFileCapBytes}`);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return Buffer.alloc(0);
    throw error;
  }
}

function ignoreMissing(error: unknown): void {
  if (!isErrno(error, "ENOENT")) throw error;
}
