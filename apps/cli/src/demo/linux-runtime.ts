import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { busyboxImage, pushImage } from "@keelson/image-store/build";
import { parseReference } from "@keelson/image-store/reference";
import { CleanupStack } from "@keelson/lifecycle";
import { bytes } from "../output/units.ts";
import { demoNetwork } from "./demo-network.ts";
import type { DemoProgram, DemoRuntime, DemoStage } from "./demo-runtime.ts";
import { keelsondCommand } from "./keelsond-command.ts";
import { type Program, startProgram } from "./start-program.ts";

const page = "Hello from the container next door!";

const web: DemoProgram = {
  does: "busybox httpd on 127.0.0.1:8080",
  command: ["sh", "-c", `mkdir /www; echo '${page}' >/www/index.html; exec httpd -f -v -p 127.0.0.1:8080 -h /www`],
  annotations: {},
};

const visitor: DemoProgram = {
  does: "wget http://127.0.0.1:8080/",
  command: [
    "sh",
    "-c",
    "trap 'exit 0' TERM; until wget -q -O - http://127.0.0.1:8080/ 2>/dev/null; do usleep 20000; done; sleep 3600 & wait",
  ],
  annotations: {},
};

/** keelsond with root, state, network and registry of its own. */
export async function startLinuxRuntime(stage: DemoStage): Promise<DemoRuntime> {
  const { story, signal } = stage;
  const cleanup = new CleanupStack();
  try {
    const daemon = await story.stage("start keelsond", async (tell) => {
      const config = await writeConfig(stage.folder, cleanup);
      const started = await startDaemon(stage, config);
      cleanup.defer("keelsond", () => started.stop());
      tell("with a network of its own");
      return started;
    });
    const host = await story.stage("start a registry", async (tell) => {
      const registry = await startRegistry(stage);
      cleanup.defer("the registry", () => registry.stop());
      await allowPlainHttp(stage.folder, registry.said);
      tell(`docker-registry on ${registry.said}`);
      return registry.said;
    });
    const image = `${host}/demo/busybox:latest`;
    await story.stage("fill it with an image", async () => {
      const built = busyboxImage();
      await pushImage(built, { registry: `http://${host}`, reference: parseReference(image), signal });
      const sizeBytes = built.layers.reduce((sum, layer) => sum + layer.bytes.length, 0);
      return `made from this machine's busybox, ${bytes(BigInt(sizeBytes))}`;
    });
    return {
      endpoint: daemon.said,
      image,
      pulled: "every digest verified",
      programs: { web, visitor },
      lastWords: () => daemon.lastWords(),
      close: () => cleanup.close(),
    };
  } catch (error) {
    await cleanup.close();
    throw error;
  }
}

async function startRegistry({ folder, signal }: DemoStage): Promise<Program> {
  const config = join(folder, "registry.yml");
  const lines = [
    "version: 0.1",
    "log: { level: info, formatter: text, accesslog: { disabled: true } }",
    `storage: { filesystem: { rootdirectory: ${JSON.stringify(join(folder, "registry"))} } }`,
    "http: { addr: 127.0.0.1:0 }",
  ];
  await writeFile(config, `${lines.join("\n")}\n`);
  return startProgram({
    argv: ["docker-registry", "serve", config],
    env: { OTEL_TRACES_EXPORTER: "none" },
    ready: (line) => /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1],
    signal,
  });
}

/** keelsond's configuration file. */
async function writeConfig(folder: string, cleanup: CleanupStack): Promise<string> {
  const network = await demoNetwork(folder);
  cleanup.defer("the network", () => network.remove());
  const lines = [
    "[registry]",
    `config_path = ${JSON.stringify(join(folder, "certs.d"))}`,
    "[cni]",
    `conf_dir = ${JSON.stringify(network.confDir)}`,
  ];
  const config = join(folder, "config.toml");
  await writeFile(config, `${lines.join("\n")}\n`);
  return config;
}

async function allowPlainHttp(folder: string, registry: string): Promise<void> {
  const hosts = join(folder, "certs.d", registry);
  await mkdir(hosts, { recursive: true });
  await writeFile(
    join(hosts, "hosts.toml"),
    `server = "http://${registry}"\n[host."http://${registry}"]\ncapabilities = ["pull", "resolve"]\n`,
  );
}

function startDaemon({ folder, signal }: DemoStage, config: string): Promise<Program> {
  const endpoint = `unix://${join(folder, "keelsond", "keelsond.sock")}`;
  return startProgram({
    argv: [
      keelsondCommand,
      ...["--config", config, "--listen", endpoint, "--root", join(folder, "root"), "--state", join(folder, "state")],
    ],
    env: {},
    ready: (line) => (line.includes('"msg":"listening"') ? endpoint : undefined),
    signal,
  });
}
