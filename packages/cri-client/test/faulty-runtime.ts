import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Answer = (stream: http2.ServerHttp2Stream) => void;

/** What every gRPC answer begins with. */
export const grpcHeaders = { ":status": 200, "content-type": "application/grpc" } as const;

/** A message in its envelope. */
export function envelope(message: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** An HTTP/2 frame (RFC 9113, section 4.1). */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const frameTypes = { headers: 1, reset: 3, settings: 4, push: 5, ping: 6, goaway: 7, continuation: 9 } as const;

export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The first stream after the two of a negotiation. */
export const firstCall = 5;

/** Answers with these bytes and then these trailers. */
export function answer(body: Uint8Array, trailers: http2.OutgoingHttpHeaders): Answer {
  return (stream) => {
    stream.respond(grpcHeaders, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(body);
  };
}

/** Answers with an empty message. */
export const good: Answer = answer(envelope(), { "grpc-status": "0" });

/**
 * A runtime whose faults are the test's: it is negotiated with as any other, and answers each further method as it is told.
 * Between it and the client is a wire on which bytes can be put that no server would send.
 */
export class FaultyRuntime implements AsyncDisposable {
  readonly folder: string;
  readonly socket: string;
  /** By the method's name (`Status`); what is not here stays unanswered, but for the calls of the negotiation. */
  readonly answers = new Map<string, Answer>([
    ["Version", good],
    ["ImageFsInfo", good],
  ]);
  /** The client's ends of the open connections, the latest last. */
  readonly wires: net.Socket[] = [];
  /** The server's side of all connections there have been. */
  readonly sessions: http2.ServerHttp2Session[] = [];
  /** How many there have been. */
  connections = 0;
  readonly #server = http2.createServer();
  readonly #wire: net.Server;

  static async start(): Promise<FaultyRuntime> {
    const runtime = new FaultyRuntime(await mkdtemp(join(tmpdir(), "keelson-faults-")));
    runtime.#server.listen(join(runtime.folder, "behind"));
    await once(runtime.#server, "listening");
    await runtime.listen();
    return runtime;
  }

  private constructor(folder: string) {
    this.folder = folder;
    this.socket = join(folder, "cri.sock");
    this.#server.on("stream", (stream, headers) => {
      stream.on("error", () => {}); // the client may reset what it likes
      stream.resume();
      this.answers.get(String(headers[":path"]).split("/").at(-1) ?? "")?.(stream);
    });
    this.#server.on("session", (session) => this.sessions.push(session));
    this.#server.on("sessionError", () => {});
    this.#wire = net.createServer({ allowHalfOpen: true }, (client) => {
      const server = net.connect(join(this.folder, "behind"));
      for (const one of [client, server]) one.on("error", () => {});
      client.on("close", () => {
        server.destroy();
        this.wires.splice(this.wires.indexOf(client), 1);
      });
      server.on("close", () => client.destroy());
      client.pipe(server);
      server.pipe(client);
      this.wires.push(client);
      this.connections++;
    });
  }

  /** Puts bytes on the latest connection, as if the runtime had sent them. */
  inject(bytes: Uint8Array): void {
    this.wires.at(-1)?.write(bytes);
  }

  /** Leaves the next call of the method to the test. Resolves when it has come. */
  held(method: string): Promise<http2.ServerHttp2Stream> {
    return new Promise((resolve) => this.answers.set(method, resolve));
  }

  async listen(): Promise<void> {
    this.#wire.listen(this.socket);
    await once(this.#wire, "listening");
  }

  /** Goes: the socket file, and every connection. */
  async vanish(): Promise<void> {
    if (!this.#wire.listening) return;
    const closed = once(this.#wire, "close");
    this.#wire.close();
    for (const wire of this.wires) wire.destroy();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vanish();
    this.#server.close();
    await rm(this.folder, { recursive: true });
  }
}
