import { createHash } from "node:crypto";
import { basename, join } from "node:path";

/** Where things of containers lie below the engine's state folder; all names follow from the container's ID. */
export interface ContainerPaths {
  /** conmon writes one file here per container that ended. */
  readonly exits: string;
  /** The temporary sockets of conmon. */
  readonly tmp: string;
  /** Holds one folder per OCI runtime in use. */
  readonly runtimes: string;
  /** Holds all bundles. */
  readonly bundles: string;
  /** Holds all mounted root file systems. */
  readonly roots: string;
  /** Holds the mounted images of containers that mount some, a folder for each container. */
  readonly images: string;
  /** A container's bundle: its `config.json`, and conmon's sockets and files. */
  bundle(id: string): string;
  /** Where its root file system is mounted. Not in the bundle, which is removed before it is unmounted. */
  rootfs(id: string): string;
  /** Where the images that it mounts are mounted. */
  imageMounts(id: string): string;
  exitFile(id: string): string;
  /** What conmon keeps of a run beside its log: `exit` and `oom`. */
  persistFolder(id: string): string;
  pidFile(id: string): string;
  /** Where an OCI runtime keeps its notes: one folder for each binary, whatever handlers use it. */
  runtimeState(path: string): string;
  /** Has one folder per command that runs in it. */
  execFolder(id: string): string;
}

export function containerPaths(state: string): ContainerPaths {
  const bundles = join(state, "containers");
  const roots = join(state, "rootfs");
  const images = join(state, "images");
  const exits = join(state, "exits");
  return {
    exits,
    tmp: join(state, "tmp"),
    runtimes: join(state, "oci"),
    bundles,
    roots,
    images,
    bundle: (id) => join(bundles, id),
    rootfs: (id) => join(roots, id),
    imageMounts: (id) => join(images, id),
    exitFile: (id) => join(exits, id),
    persistFolder: (id) => join(bundles, id, "run"),
    pidFile: (id) => join(bundles, id, "run", "pid"),
    runtimeState: (path) => join(state, "oci", `${basename(path)}-${shortHash(path)}`),
    execFolder: (id) => join(bundles, id, "execs"),
  };
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
