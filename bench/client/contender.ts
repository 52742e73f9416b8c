// The clients that are measured, each behind the same few calls. Only the one that is asked for is loaded.

/** A client that is connected to one runtime. */
export interface Contender {
  /** RuntimeService/Version with two minutes of deadline, the kubelet's own. */
  version(): Promise<unknown>;
  /** RuntimeService/ListContainers without a filter. @returns the containers, or the bytes where nothing is decoded */
  listContainers(): Promise<number>;
  close(): void;
}

export const contenderNames = ["keelson", "grpc-js", "http2"] as const;
export type ContenderName = (typeof contenderNames)[number];

/** What the kubelet gives each of these calls. */
export const deadlineMs = 120_000;
/** The largest answer that is taken: the kubelet's. */
export const longestAnswerBytes = 16 * 1024 * 1024;

/** @param socket the absolute path of the runtime's socket */
export async function openContender(name: ContenderName, socket: string): Promise<Contender> {
  switch (name) {
    case "keelson":
      return (await import("./keelson-contender.ts")).open(socket);
    case "grpc-js":
      return (await import("./grpc-js-contender.ts")).open(socket);
    case "http2":
      return (await import("./http2-contender.ts")).open(socket);
  }
}
