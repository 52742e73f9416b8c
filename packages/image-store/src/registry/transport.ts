/** What TLS to use towards one registry host; only what its hosts.toml says. */
export interface TlsSettings {
  /** Accept any certificate, for exactly this host and port. */
  readonly skipVerify: boolean;
  /** PEM texts that are trusted besides the default roots. */
  readonly ca: readonly string[];
  /** PEM pairs shown to a server that asks for a client certificate. */
  readonly client: readonly { readonly cert: string; readonly key: string }[];
}

export interface RegistryRequest {
  readonly url: URL;
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  /** All headers that are sent, by lower-case name; nothing is added but host, connection and the body's length. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body?: Uint8Array;
  readonly tls: TlsSettings;
  /** How long connecting, and how long waiting for the status line, may take. */
  readonly dialTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly signal: AbortSignal;
}

export interface RegistryResponse {
  readonly status: number;
  /** A header by lower-case name; repeated ones joined by ", ". */
  header(name: string): string | undefined;
  /** The body's bytes as they came, undecoded. Read it or call {@link discard}. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the exchange; a pending or later read of the body rejects with `reason`. Idempotent. */
  discard(reason?: Error): void;
}

/**
 * One HTTP exchange: no redirect is followed, no body decoded, no header invented, no cookie kept. The seam between
 * the registry client and a network: {@link createNodeFetch} is one, {@link fromStandardFetch} another.
 * @throws whatever the network says; the client turns it into a category
 */
export type RegistryFetch = (request: RegistryRequest) => Promise<RegistryResponse>;
