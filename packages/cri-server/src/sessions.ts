import type { Http2Server, ServerHttp2Session, ServerOptions } from "node:http2";
import type { Log } from "@keelson/runtime-core";

/**
 * The limits of a session, where node:http2 has a setting for them. Numbers follow what a kubelet needs: some hundred
 * calls at once, messages up to 16 MiB, headers of a few hundred bytes.
 */
export const sessionLimits: ServerOptions = {
  settings: {
    enablePush: false,
    headerTableSize: 4096,
    maxConcurrentStreams: 512,
    initialWindowSize: 1024 * 1024,
    maxFrameSize: 16_384,
    maxHeaderListSize: 16 * 1024,
  },
  maxHeaderListPairs: 128,
  // MB that may wait to be sent, before new calls are refused and then the session: 512 lists of 1 MiB, and what they cost
  maxSessionMemory: 1024,
  maxSettings: 32,
  maxOutstandingPings: 10,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  maxSendHeaderBlockLength: 64 * 1024,
  streamResetBurst: 100,
  streamResetRate: 10,
  unknownProtocolTimeout: 10_000,
};

/** The sessions of a server: none of them can end the process, and all of them end with the server. */
export class Sessions {
  readonly #open = new Set<ServerHttp2Session>();

  /** @param greetingMs a connection that has not said its settings by then is no client */
  constructor(server: Http2Server, log: Log, greetingMs: number) {
    server.on("session", (session) => {
      this.#open.add(session);
      const greeting = setTimeout(() => session.destroy(), greetingMs);
      greeting.unref();
      session.once("remoteSettings", () => clearTimeout(greeting));
      session.once("stream", () => clearTimeout(greeting));
      session.once("close", () => {
        clearTimeout(greeting);
        this.#open.delete(session);
      });
      session.on("error", (error) => log.debug("session broke", { error }));
    });
    server.on("sessionError", (error) => log.debug("session broke", { error }));
    server.on("clientError", (error, socket) => {
      log.debug("connection broke", { error });
      socket.destroy();
    });
  }

  get size(): number {
    return this.#open.size;
  }

  /** Tells every client to go; those whose calls have not ended by the deadline are cut off. */
  async drain(deadlineMs: number): Promise<void> {
    const sessions = [...this.#open];
    const ended = sessions.map(
      (session) => new Promise<void>((resolve) => (session.destroyed ? resolve() : session.once("close", resolve))),
    );
    for (const session of sessions) session.close();
    const deadline = setTimeout(() => {
      for (const session of this.#open) session.destroy();
    }, deadlineMs);
    await Promise.all(ended);
    clearTimeout(deadline);
  }
}
