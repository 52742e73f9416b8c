import process from "node:process";
import { type CriConnection, connectCri } from "@keelson/cri-client";

export const defaultEndpoint = "unix:///run/keelson/keelsond.sock";

export interface GlobalOptions {
  readonly endpoint?: string;
}

/** The flag, else CONTAINER_RUNTIME_ENDPOINT, else keelsond's own socket. An empty variable is as good as none. */
export function endpointOf(options: GlobalOptions): string {
  return options.endpoint ?? (process.env.CONTAINER_RUNTIME_ENDPOINT || defaultEndpoint);
}

export function connect(options: GlobalOptions): Promise<CriConnection> {
  return connectCri({ runtimeEndpoint: endpointOf(options) });
}
