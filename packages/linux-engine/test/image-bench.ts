import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { AuthConfigSchema, type ImageSpec, ImageSpecSchema } from "@keelson/cri-api/v1";
import { type BuiltImage, buildImage, pushImage } from "@keelson/image-store/build";
import { parseReference } from "@keelson/image-store/reference";
import type { PullRequest, Task } from "@keelson/runtime-core/ports";
import { type OpenImages, type OpenImagesOptions, openImages } from "../src/image/open-images.ts";
import type { EngineLog } from "../src/log.ts";
import { unmountSync } from "../src/sys/mount.ts";
import { overlayMount } from "../src/sys/overlay-mount.ts";
import { buildTar, type Member } from "./tar-builder.ts";

/** A node's images below a temporary folder, and the configuration of its registries. */
export class ImageBench implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "keelson-images-"));
  readonly logged: string[] = [];
  readonly #mounts = new Set<string>();
  #images: OpenImages | undefined;

  get root(): string {
    return join(this.folder, "root");
  }

  get images(): OpenImages {
    if (this.#images === undefined) throw new Error("the bench is not open");
    return this.#images;
  }

  async open(options: Partial<OpenImagesOptions> = {}): Promise<OpenImages> {
    const write = (message: string, fields?: unknown): void =>
      void this.logged.push(`${message} ${inspect(fields, { depth: 6 })}`);
    const log: EngineLog = { debug: write, info: write, warn: write, error: write };
    mkdirSync(this.root, { recursive: true, mode: 0o700 });
    this.#images = await openImages({ root: this.root, registryConfigPath: this.#config, log, ...options });
    return this.#images;
  }

  async close(): Promise<void> {
    await this.#images?.close();
    this.#images = undefined;
  }

  /** Has references to `host` asked at `url`, by plain HTTP. */
  serve(host: string, url: string): void {
    mkdirSync(join(this.#config, host), { recursive: true });
    writeFileSync(
      join(this.#config, host, "hosts.toml"),
      `server = "${url}"\n[host."${url}"]\ncapabilities = ["pull", "resolve"]\n`,
    );
  }

  /** Pulls, as the core would. */
  pull(
    reference: string,
    options: { readonly signal?: AbortSignal; readonly auth?: MessageInitShape<typeof AuthConfigSchema> } = {},
  ) {
    const task: Task = { signal: options.signal ?? new AbortController().signal, stage: () => undefined };
    const auth = options.auth === undefined ? undefined : create(AuthConfigSchema, options.auth);
    const asked: PullRequest = { image: spec(reference), auth, sandbox: undefined };
    return this.images.engine.pull(asked, task);
  }

  /** Mounts an image as a container would have it, and answers where. */
  async mount(imageId: string, id: string): Promise<string> {
    const { lower, upper, work } = await this.images.snapshots.prepare(id, imageId);
    const target = join(this.folder, `merged-${id}`);
    mkdirSync(target);
    await overlayMount({ target, lower, upper: { folder: upper, work } });
    this.#mounts.add(target);
    return target;
  }

  unmount(id: string): void {
    this.#unmount(join(this.folder, `merged-${id}`));
  }

  /** Unmounts and removes everything, and waits until it is gone. */
  async clear(): Promise<void> {
    for (const target of this.#mounts) this.#unmount(target);
    const { snapshots, engine } = this.images;
    for (const id of await snapshots.list()) await snapshots.remove(id);
    for (const { id } of await engine.list(undefined)) await engine.remove(spec(id));
  }

  /** What is in the store: blobs, partial blobs, layers, layers in the making, containers. */
  async stored(): Promise<Record<"blobs" | "ingest" | "sha256" | "tmp" | "containers", number>> {
    await this.images.folders.drained();
    const count = (...names: string[]): number => readdirSync(join(this.root, ...names)).length;
    return {
      blobs: count("images", "blobs", "sha256"),
      ingest: count("images", "ingest"),
      sha256: count("snapshots", "sha256"),
      tmp: count("snapshots", "tmp"),
      containers: count("snapshots", "containers"),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const target of this.#mounts) this.#unmount(target);
    await this.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #unmount(target: string): void {
    unmountSync(target);
    rmdirSync(target);
    this.#mounts.delete(target);
  }

  get #config(): string {
    return join(this.folder, "certs.d");
  }
}

export function spec(image: string): ImageSpec {
  return create(ImageSpecSchema, { image });
}

/** An image of these layers, bottom first. */
export function imageOf(
  layers: readonly (readonly Member[] | Buffer)[],
  options: Omit<Parameters<typeof buildImage>[0], "layers"> = {},
): BuiltImage {
  return buildImage({ ...options, layers: layers.map((layer) => (Buffer.isBuffer(layer) ? layer : buildTar(layer))) });
}

export async function push(image: BuiltImage, url: string, reference: string): Promise<void> {
  await pushImage(image, { registry: url, reference: parseReference(reference) });
}

/** A proxy in front of a registry that counts requests, and can hold or spoil answers. */
export class CountingProxy implements AsyncDisposable {
  readonly requests: string[] = [];
  /** Set to keep answers to blobs back until it resolves. */
  hold: Promise<void> | undefined;
  /** Bytes of a blob after which the connection is cut; undefined lets all through. */
  cutAfter: number | undefined;
  readonly #server: Server;
  readonly #target: string;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((incoming, outgoing) => {
      this.requests.push(`${incoming.method} ${incoming.url}`);
      const isBlob = incoming.url?.includes("/blobs/") === true;
      const forward = request(`${this.#target}${incoming.url}`, { method: incoming.method, headers: incoming.headers });
      forward.on("error", () => outgoing.destroy());
      outgoing.on("error", () => forward.destroy());
      forward.on("response", (answer: IncomingMessage) => {
        const pass = (): void => {
          outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
          if (!isBlob || this.cutAfter === undefined) {
            answer.pipe(outgoing);
            return;
          }
          let left = this.cutAfter;
          answer.on("data", (chunk: Buffer) => {
            left -= chunk.length;
            if (left > 0) {
              outgoing.write(chunk);
              return;
            }
            answer.destroy();
            outgoing.write(chunk.subarray(0, chunk.length + left), () => outgoing.socket?.destroy());
          });
          answer.on("end", () => outgoing.end());
        };
        if (isBlob && this.hold !== undefined) void this.hold.then(pass);
        else pass();
      });
      incoming.pipe(forward);
    });
  }

  static async start(target: string): Promise<CountingProxy> {
    const proxy = new CountingProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How often each blob was asked for, by digest. */
  blobRequests(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const line of this.requests) {
      const digest = /^GET .*\/blobs\/(sha256:[0-9a-f]+)/.exec(line)?.[1];
      if (digest !== undefined) counts.set(digest, (counts.get(digest) ?? 0) + 1);
    }
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
