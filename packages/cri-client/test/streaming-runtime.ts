import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { ContainerEventResponseSchema, ImageService, RuntimeService } from "@keelson/cri-api/v1";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";

export interface RuntimeParts {
  readonly versions?: readonly CriVersion[];
  readonly runtime?: Partial<ServiceImpl<typeof RuntimeService>>;
  readonly images?: Partial<ServiceImpl<typeof ImageService>>;
}

/** A server on a fresh socket. Its end is that of its connections, as if its process were killed. */
export interface Listening extends AsyncDisposable {
  readonly endpoint: string;
}

export async function listenOnSocket(server: http2.Http2Server, folder?: string): Promise<Listening> {
  const home = folder ?? (await mkdtemp(join(tmpdir(), "keelson-streams-")));
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  const path = join(home, "cri.sock");
  server.listen(path);
  await once(server, "listening");
  return {
    endpoint: `unix://${path}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const session of sessions) session.destroy();
      await closed;
      if (folder === undefined) await rm(home, { recursive: true });
    },
  };
}

/** A small runtime, which can be killed and come back on its socket. */
export class StreamingRuntime implements AsyncDisposable {
  readonly endpoint: string;
  readonly #folder: string;
  #listening: Listening | undefined;

  static async start(parts: RuntimeParts): Promise<StreamingRuntime> {
    const runtime = new StreamingRuntime(await mkdtemp(join(tmpdir(), "keelson-streams-")));
    await runtime.serve(parts);
    return runtime;
  }

  private constructor(folder: string) {
    this.#folder = folder;
    this.endpoint = `unix://${join(folder, "cri.sock")}`;
  }

  /** What is not among the parts answers with gRPC status 12, as grpc-go does. */
  async serve({ versions = ["v1"], runtime, images }: RuntimeParts): Promise<void> {
    const routes = (router: ConnectRouter): void => {
      for (const version of versions) {
        const services = criServices[version];
        router.service(services.runtime, { version: () => ({ runtimeName: "small" }), ...runtime });
        router.service(services.image, { imageFsInfo: () => ({}), ...images });
      }
    };
    const status = { "content-type": "application/grpc", "grpc-status": "12", "grpc-message": "unknown service" };
    const adapter = connectNodeAdapter({
      routes,
      fallback: (_, response) => {
        response.writeHead(200, status);
        response.end();
      },
    });
    this.#listening = await listenOnSocket(http2.createServer(adapter), this.#folder);
  }

  async kill(): Promise<void> {
    await this.#listening?.[Symbol.asyncDispose]();
    this.#listening = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true });
  }
}

export type EventInit = MessageInitShape<typeof ContainerEventResponseSchema>;

/** The events of a small runtime: each stream that is opened waits for what the test tells it. */
export class EventFeed {
  /** All streams so far, in the order in which they were opened. */
  readonly streams: EventFeedStream[] = [];
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  /** `getContainerEvents` of a runtime. */
  readonly handler = (_: unknown, context: HandlerContext): AsyncIterable<EventInit> => {
    const stream = new EventFeedStream(context.signal);
    this.streams.push(stream);
    for (const waiter of this.#waiting) if (this.streams.length >= waiter.count) waiter.resolve();
    return stream.messages();
  };

  /** The stream that is opened as number `index`, from 0. */
  async opened(index: number): Promise<EventFeedStream> {
    if (this.streams.length <= index) {
      await new Promise<void>((resolve) => this.#waiting.push({ count: index + 1, resolve }));
    }
    const stream = this.streams[index];
    if (stream === undefined) throw new Error("no stream");
    return stream;
  }
}

export class EventFeedStream {
  /** Resolves when the client has cancelled it. */
  readonly canceled: Promise<void>;
  #queue: (EventInit | Error | "end")[] = [];
  #wake: () => void = () => {};

  constructor(signal: AbortSignal) {
    this.canceled = new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        resolve();
        this.end();
      });
    });
  }

  send(event: EventInit): void {
    this.#put(event);
  }

  /** With the status OK. */
  end(): void {
    this.#put("end");
  }

  fail(error: Error): void {
    this.#put(error);
  }

  async *messages(): AsyncGenerator<EventInit> {
    for (;;) {
      for (const next of this.#queue.splice(0)) {
        if (next === "end") return;
        if (next instanceof Error) throw next;
        yield next;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#queue.length > 0) resolve();
      });
    }
  }

  #put(item: EventInit | Error | "end"): void {
    this.#queue.push(item);
    this.#wake();
  }
}

export const unimplemented = (message: string): ConnectError => new ConnectError(message, Code.Unimplemented);

/** A promise that a test settles when it wants. */
export interface Gate {
  readonly open: () => void;
  readonly opened: Promise<void>;
}

export function createGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}
