// A real registry (Debian's docker-registry) for tests: plain HTTP on loopback, a free port, an empty temporary store.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface DockerRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `127.0.0.1:PORT`, the domain of references to it. */
  readonly host: string;
  /** The folder of its blobs (`docker/registry/v2/…`), for tests that spoil one. */
  readonly storage: string;
  /** Ends the process and removes its files. Idempotent. */
  close(): Promise<void>;
}

export interface DockerRegistryOptions {
  /** Basic authentication by an htpasswd text (bcrypt lines only). */
  readonly htpasswd?: string;
}

/** Starts a registry and waits until it listens. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "keelson-registry-"));
  const storage = join(folder, "storage");
  const lines = [
    "version: 0.1",
    "log: { level: info, formatter: text, accesslog: { disabled: true } }",
    `storage: { filesystem: { rootdirectory: ${JSON.stringify(storage)} }, delete: { enabled: true }, maintenance: { uploadpurging: { enabled: false } } }`,
    "http: { addr: 127.0.0.1:0 }",
  ];
  if (options.htpasswd !== undefined) {
    await writeFile(join(folder, "htpasswd"), options.htpasswd);
    lines.push(`auth: { htpasswd: { realm: test, path: ${JSON.stringify(join(folder, "htpasswd"))} } }`);
  }
  const config = join(folder, "config.yml");
  await writeFile(config, `${lines.join("\n")}\n`);
  const child = spawn("docker-registry", ["serve", config], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, OTEL_TRACES_EXPORTER: "none" },
  });
  // never started: there is no exit to wait for
  const ended = once(child, "exit").catch(() => undefined);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    })();
    return closing;
  };
  const log: string[] = [];
  const listening = Promise.withResolvers<string>();
  child.once("error", listening.reject);
  const output = createInterface({ input: child.stderr });
  output.on("line", (line) => {
    if (log.length < 50) log.push(line);
    const marker = "listening on ";
    const at = line.indexOf(marker);
    const host = at < 0 ? undefined : /^127\.0\.0\.1:\d+/.exec(line.slice(at + marker.length))?.[0];
    if (host !== undefined) listening.resolve(host);
  });
  output.on("close", () => listening.reject(new Error(`docker-registry did not start:\n${log.join("\n")}`)));
  try {
    const host = await listening.promise;
    return { url: `http://${host}`, host, storage, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
