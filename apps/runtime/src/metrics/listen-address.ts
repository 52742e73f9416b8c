import { isIP } from "node:net";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** Nobody but this machine can reach it. */
  readonly isLoopback: boolean;
}

/** Reads `127.0.0.1:9464`, `[::1]:9464` or `localhost:9464`; undefined when it is none of these. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) return undefined;
  if (bracketed !== undefined) {
    return isIP(bracketed) === 6 ? { host: bracketed, port, isLoopback: bracketed === "::1" } : undefined;
  }
  if (plain === undefined) return undefined;
  // a name could lead elsewhere
  if (plain === "localhost") return { host: "127.0.0.1", port, isLoopback: true };
  return isIP(plain) === 4 ? { host: plain, port, isLoopback: plain.startsWith("127.") } : undefined;
}
