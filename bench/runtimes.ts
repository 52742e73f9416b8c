// The two runtimes that are compared, each with its configuration: the same OCI runtime, network, registry, file system.
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Daemon, startDaemon } from "./daemon.ts";

const run = promisify(execFile);

/** Pinned: containerd takes unpigz or igzip where they are on its PATH, and everyone shall start the same programs. */
export const pinnedPath = "/usr/sbin:/usr/bin:/sbin:/bin";

export interface RuntimeOptions {
  /** For its root. */
  readonly disk: string;
  /** For its state and socket. */
  readonly volatile: string;
  readonly confDir: string;
  readonly certsDir: string;
  /** The image of containerd's pause containers. */
  readonly pause: string;
}

export interface Runtime extends Daemon {
  readonly name: "keelsond" | "containerd";
  readonly root: string;
  readonly endpoint: string;
  /** As the program tells it. */
  readonly version: string;
}

export async function startKeelsond(options: RuntimeOptions): Promise<Runtime> {
  const { root, state, endpoint, config, logFile } = await placesOf(options, "keelsond");
  await writeFile(
    config,
    `default_runtime = "runc"
[runtimes.runc]
path = ${quote(findProgram("runc"))}
[registry]
config_path = ${quote(options.certsDir)}
[cni]
conf_dir = ${quote(options.confDir)}
bin_dirs = ["/usr/lib/cni"]
[cgroup]
driver = "cgroupfs"
`,
  );
  const flags = ["--config", config, "--listen", endpoint, "--root", root, "--state", state];
  const program = join(import.meta.dirname, "../bin/keelsond");
  const daemon = await startDaemon({ argv: [program, ...flags], path: pinnedPath, endpoint, logFile });
  return {
    ...daemon,
    name: "keelsond",
    root,
    endpoint,
    version: (await daemon.cri.runtime.version({})).runtimeVersion,
  };
}

/** @param binary Debian's containerd; its shim lies beside it */
export async function startContainerd(binary: string, options: RuntimeOptions): Promise<Runtime> {
  const { root, state, endpoint, config, logFile } = await placesOf(options, "containerd");
  const own = join(options.volatile, "containerd");
  await writeFile(
    config,
    `version = 2
root = ${quote(root)}
state = ${quote(state)}
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
address = ${quote(endpoint.slice("unix://".length))}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = ${quote(options.pause)}
disable_tcp_service = true
stream_server_port = "0"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = ${quote(options.confDir)}
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = ${quote(findProgram("runc"))}
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = ${quote(options.certsDir)}
[plugins."io.containerd.nri.v1.nri"]
socket_path = ${quote(join(own, "nri.sock"))}
plugin_path = ${quote(join(own, "nri"))}
plugin_config_path = ${quote(join(own, "nri-conf"))}
[plugins."io.containerd.internal.v1.opt"]
path = ${quote(join(own, "opt"))}
`,
  );
  const path = `${dirname(binary)}:${pinnedPath}`;
  const daemon = await startDaemon({ argv: [binary, "--config", config], path, endpoint, logFile });
  const { stdout } = await run(binary, ["--version"]);
  return { ...daemon, name: "containerd", root, endpoint, version: stdout.trim().split(" ")[2] ?? stdout.trim() };
}

/** @throws when it is not on the pinned PATH */
export function findProgram(name: string): string {
  const found = optionalProgram(name);
  if (found === undefined) throw new Error(`no ${name} in ${pinnedPath}`);
  return found;
}

export function optionalProgram(name: string): string | undefined {
  const places = pinnedPath.split(delimiter).map((folder) => join(folder, name));
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

interface Places {
  readonly root: string;
  readonly state: string;
  readonly endpoint: string;
  readonly config: string;
  readonly logFile: string;
}

async function placesOf(options: RuntimeOptions, name: string): Promise<Places> {
  const own = join(options.volatile, name);
  await mkdir(own, { mode: 0o700 });
  return {
    root: join(options.disk, name),
    state: join(own, "state"),
    endpoint: `unix://${join(own, "cri.sock")}`,
    config: join(own, "config.toml"),
    logFile: join(own, "log"),
  };
}

/** TOML's basic strings are written as JSON's. */
const quote = (text: string): string => JSON.stringify(text);
