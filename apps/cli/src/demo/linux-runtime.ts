import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { busyboxImage, pushImage } from "@keelson/image-store/build";
import { parseReference } from "@keelson/image-store/reference";
import { CleanupStack } from "@keelson/lifecycle";
import { bytes } from "../output/units.ts";
import { demoNetwork } from "./demo-network.ts";
import type { DemoRuntime } from "./demo-runtime.ts";
import { startProgram } from "./start-program.ts";
import type { Story } from "./story.ts";

const page = "Hello from the container next door!";

/** keelsond with root, state, network and registry of its own, all below `folder`. */
export async function startLinuxRuntime(folder: string, story: Story): Promise<DemoRuntime> {
  const cleanup = new CleanupStack();
  try {
    const host = await story.stage("start a registry", async (tell) => {
      const registry = await startRegistry(folder, cleanup);
      tell(`docker-registry at ${registry}`);
      return registry;
    });
    const image = `${host}/demo/busybox:latest`;
    await story.stage("fill it with an image made from busybox", async () => {
      const built = busyboxImage();
      await pushImage(built, { registry: `http://${host}`, reference: parseReference(image) });
      return `${built.layers.length} layer, ${bytes(BigInt(built.layers[0]?.bytes.length ?? 0))} packed`;
    });
    const endpoint = await story.stage("start keelsond", async (tell) => {
      const listening = await startDaemon(folder, host, cleanup);
      tell(listening);
      return listening;
    });
    return {
      endpoint,
      image,
      programs: {
        web: shell(`mkdir /www && echo '${page}' >/www/index.html && exec httpd -f -p 127.0.0.1:8080 -h /www`),
        visitor: shell(
          "until wget -q -O - http://127.0.0.1:8080/ 2>/dev/null; do usleep 20000; done; trap 'exit 0' TERM; while :; do sleep 1; done",
        ),
      },
      close: () => cleanup.close(),
    };
  } catch (error) {
    await cleanup.close();
    throw error;
  }
}

function shell(script: string): { command: readonly string[]; annotations: Readonly<Record<string, string>> } {
  return { command: ["sh", "-c", script], annotations: {} };
}

async function startRegistry(folder: string, cleanup: CleanupStack): Promise<string> {
  const config = join(folder, "registry.yml");
  await writeFile(
    config,
    [
      "version: 0.1",
      "log: { level: info, formatter: text, accesslog: { disabled: true } }",
      `storage: { filesystem: { rootdirectory: ${JSON.stringify(join(folder, "registry"))} } }`,
      "http: { addr: 127.0.0.1:0 }",
      "",
    ].join("\n"),
  );
  const registry = await startProgram({
    argv: ["docker-registry", "serve", config],
    env: { OTEL_TRACES_EXPORTER: "none" },
    ready: (line) => /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1],
  });
  cleanup.defer("registry", () => registry.stop());
  return registry.said;
}

async function startDaemon(folder: string, registry: string, cleanup: CleanupStack): Promise<string> {
  const network = await demoNetwork(folder);
  cleanup.defer("network", () => network.remove());
  const hosts = join(folder, "certs.d", registry);
  await mkdir(hosts, { recursive: true });
  await writeFile(
    join(hosts, "hosts.toml"),
    `server = "http://${registry}"\n[host."http://${registry}"]\ncapabilities = ["pull", "resolve"]\n`,
  );
  const config = join(folder, "config.toml");
  await writeFile(
    config,
    `[registry]\nconfig_path = ${JSON.stringify(join(folder, "certs.d"))}\n[cni]\nconf_dir = ${JSON.stringify(network.confDir)}\n`,
  );
  const endpoint = `unix://${join(folder, "keelsond", "keelsond.sock")}`;
  const daemon = await startProgram({
    argv: [
      new URL("../../../../bin/keelsond", import.meta.url).pathname,
      ...["--config", config, "--listen", endpoint, "--root", join(folder, "root"), "--state", join(folder, "state")],
    ],
    env: {},
    ready: (line) => (line.includes('"msg":"listening"') ? endpoint : undefined),
  });
  cleanup.defer("keelsond", () => daemon.stop());
  return daemon.said;
}
