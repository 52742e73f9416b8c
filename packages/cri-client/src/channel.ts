import type { CriVersion } from "@keelson/cri-api/versions";
import type { CriConnectionEvent } from "./connection-event.ts";

/** The way to one service, as the parts that call it see it. */
export interface Channel {
  /** `unix:///run/keelson/keelsond.sock` */
  readonly endpoint: string;
  /** What the service speaks now. */
  readonly version: CriVersion;
  /** Counts the connections that became ready: what was learnt of a server is worth one epoch. */
  readonly epoch: number;
  /**
   * Resolves with the epoch as soon as the state is ready.
   * @throws the reason why it will not be: closed, restart required, no CRI, or the signal's
   */
  ready(signal?: AbortSignal): Promise<number>;
  readonly emit: (event: CriConnectionEvent) => void;
}
