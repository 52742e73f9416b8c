import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CniNetworkOptions, createCniNetwork } from "../src/network/cni/cni-network.ts";
import type { Network } from "../src/network/network.ts";
import { unmount } from "../src/sys/mount.ts";
import { readMountInfo } from "../src/sys/mount-info.ts";
import { type Namespaces, openNamespaces } from "../src/sys/namespaces.ts";
import { run } from "../src/sys/run.ts";

const realPlugins = "/usr/lib/cni";
const deadlineMs = 20_000;

/**
 * Debian's CNI plugins on a host of their own: they run in a private network namespace, so that bridges, firewall rules
 * and `ip_forward` are nobody else's, and everything goes with it.
 */
export interface PluginHost extends AsyncDisposable {
  readonly folder: string;
  readonly confDir: string;
  readonly binDir: string;
  readonly namespaces: Namespaces;
  /** The network over this host's folders. */
  network(options?: Partial<CniNetworkOptions>): Network;
  /** Writes a configuration; an object becomes JSON. */
  configure(name: string, content: unknown): void;
  /** Puts a shell script among the plugins. */
  script(type: string, body: string): void;
  /** Makes a pod's network namespace, and answers its path. */
  pod(name: string): Promise<string>;
  /** Runs a command in the private host's network namespace, or in a pod's. */
  exec(netns: string | undefined, ...argv: string[]): Promise<string>;
  /** As `exec`, and answers the exit code. */
  exitCode(netns: string | undefined, ...argv: string[]): Promise<number>;
  /** The addresses that are leased now. */
  leases(): readonly string[];
  /** A bridge with leases from 10.88.0.0/24, and more plugins behind it. */
  bridgeList(...more: readonly object[]): { readonly [key: string]: unknown };
}

export async function openPluginHost(): Promise<PluginHost> {
  const folder = mkdtempSync(join(tmpdir(), "keelson-cni-"));
  const namespaces = await openNamespaces();
  const host = join(folder, "host.net");
  await namespaces.create({ net: host }, { loopback: true });
  const [confDir, binDir, dataDir] = ["net.d", "bin", "leases"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const one of [confDir, binDir]) mkdirSync(one);

  const script = (type: string, body: string): void => {
    writeFileSync(join(binDir, type), `#!/bin/sh\n${body}\n`);
    chmodSync(join(binDir, type), 0o755);
  };
  for (const type of readdirSync(realPlugins)) script(type, `exec nsenter --net=${host} ${realPlugins}/${type}`);

  const execIn = (netns: string | undefined, argv: readonly string[]) =>
    run(["nsenter", `--net=${netns ?? host}`, ...argv], {
      deadlineMs,
      anyExit: true,
      env: { PATH: "/usr/sbin:/usr/bin" },
    });
  return {
    folder,
    confDir,
    binDir,
    namespaces,
    network: (options = {}) =>
      createCniNetwork({ confDir, binDirs: [binDir], cacheDir: join(folder, "results"), ...options }),
    configure: (name, content) =>
      writeFileSync(join(confDir, name), typeof content === "string" ? content : JSON.stringify(content)),
    script,
    pod: async (name) => {
      const path = join(folder, `${name}.net`);
      await namespaces.create({ net: path }, { loopback: true });
      return path;
    },
    exec: async (netns, ...argv) => {
      const { exit, stdout, stderr } = await execIn(netns, argv);
      if (exit.code !== 0) throw new Error(`${argv.join(" ")}: exit code ${exit.code}: ${stderr}`);
      return stdout.toString().trim();
    },
    exitCode: async (netns, ...argv) => (await execIn(netns, argv)).exit.code ?? -1,
    leases: () => {
      try {
        return readdirSync(join(dataDir, "pods"))
          .filter((name) => /^\d+\./.test(name))
          .toSorted();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
        throw error;
      }
    },
    bridgeList: (...more) => ({
      cniVersion: "1.0.0",
      name: "pods",
      plugins: [
        {
          type: "bridge",
          bridge: "pods0",
          isGateway: true,
          ipMasq: true,
          ipam: {
            type: "host-local",
            dataDir,
            ranges: [[{ subnet: "10.88.0.0/24" }]],
            routes: [{ dst: "0.0.0.0/0" }],
          },
        },
        ...more,
      ],
    }),
    [Symbol.asyncDispose]: async () => {
      await namespaces.close();
      // Also what a failed test left: nothing below a mounted folder may be removed with it.
      const left = (await readMountInfo()).filter((one) => one.mountPoint.startsWith(`${folder}/`));
      for (const { mountPoint } of left.toReversed()) await unmount(mountPoint, { detach: true });
      rmSync(folder, { recursive: true });
    },
  };
}
