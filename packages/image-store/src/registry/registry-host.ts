import type { TlsSettings } from "./transport.ts";

export const capabilities = ["pull", "resolve", "push"] as const;

/** What a host may be asked for: blobs and digests (pull), tags (resolve), uploads (push). */
export type Capability = (typeof capabilities)[number];

/** One place where a repository's content may be fetched; a registry has mirrors first and itself last. */
export interface RegistryHost {
  /** Scheme, host and port, as `URL.origin` writes it. */
  readonly origin: string;
  /** Path of the API without a slash at its end, usually `/v2`. */
  readonly apiPath: string;
  readonly capabilities: ReadonlySet<Capability>;
  readonly tls: TlsSettings;
  /** Headers of the configuration, by lower-case name; sent to this origin only. */
  readonly headers: ReadonlyMap<string, string>;
  readonly dialTimeoutMs: number | undefined;
  /** True for the registry itself, false for a mirror: only the registry gets a pull's credentials. */
  readonly isRegistry: boolean;
  /** Sent as `ns=` to a host that is not the registry of the name, so that a mirror knows whose content is meant. */
  readonly namespace: string | undefined;
}

/** `registry.example:5000/v2`, for messages. */
export function hostLabel(host: RegistryHost): string {
  return host.origin.slice(host.origin.indexOf("//") + 2);
}

/** Where the images of a domain live when nothing is configured. */
export function defaultServer(domain: string): string {
  return `https://${domain === "docker.io" ? "registry-1.docker.io" : domain}`;
}
