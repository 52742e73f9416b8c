import { createRedactor } from "@keelson/cri-api/redact";
import type { ImageReference } from "../reference/index.ts";
import { Authorizations } from "./authorizations.ts";
import { type RegistryAuth, readCredentials } from "./credentials.ts";
import { createNodeFetch } from "./node-fetch.ts";
import type { ProgressLimits } from "./read-body.ts";
import { explicitHost, resolveHosts } from "./registry-hosts.ts";
import { RegistrySession, type SessionDeps } from "./registry-session.ts";
import { type RetryPolicy, type Sleep, sleep } from "./retry.ts";
import type { RegistryFetch } from "./transport.ts";

export interface RegistryClientOptions {
  /** Folder with `<host>/hosts.toml`, as containerd's `certs.d`; without it every registry is asked by HTTPS. */
  readonly configPath?: string;
  /** Exact origins of token servers in another domain that may have a pull's credentials. */
  readonly tokenOrigins?: readonly string[];
  /** Exact origins that redirects and token realms may reach by plain HTTP. */
  readonly plainOrigins?: readonly string[];
  /** How long connecting may take, in ms; default 30,000. `dial_timeout` of a host goes before it. */
  readonly dialTimeoutMs?: number;
  /** How long a host may think before it answers, in ms; default 60,000. */
  readonly headersTimeoutMs?: number;
  /** Defaults: no data for 30 s, or less than 1 KiB/s over 60 s. */
  readonly limits?: Partial<ProgressLimits>;
  /** Defaults: 4 attempts, from 250 ms on, at most 30 s. */
  readonly retry?: Partial<RetryPolicy>;
  readonly userAgent?: string;
}

export interface RegistryClientDeps {
  /** Default {@link createNodeFetch}, which the client then closes. */
  readonly fetch?: RegistryFetch;
  readonly sleep?: Sleep;
}

export interface OpenOptions {
  readonly auth?: RegistryAuth;
  /** Default `pull`. */
  readonly actions?: "pull" | "pull,push";
  /** Ask this URL alone, as the registry itself, instead of what the configuration says. */
  readonly server?: string;
}

/** Opens sessions; holds the connections. */
export interface RegistryClient extends AsyncDisposable {
  /**
   * A session for one reference and one caller. Reads the host configuration now; nothing is sent yet.
   * @throws FAILED_PRECONDITION for a faulty configuration, INVALID_ARGUMENT for faulty credentials
   */
  open(reference: ImageReference, options?: OpenOptions): Promise<RegistrySession>;
  /** Closes the connections. Idempotent. */
  close(): Promise<void>;
}

export function createRegistryClient(
  options: RegistryClientOptions = {},
  deps: RegistryClientDeps = {},
): RegistryClient {
  const node = deps.fetch === undefined ? createNodeFetch() : undefined;
  const shared: SessionDeps = {
    fetch: deps.fetch ?? node?.fetch ?? unreachable,
    policy: { tokenOrigins: new Set(options.tokenOrigins), plainOrigins: new Set(options.plainOrigins) },
    limits: { idleMs: 30_000, minBytesPerSecond: 1024, windowMs: 60_000, ...options.limits },
    retry: { attempts: 4, baseDelayMs: 250, maxDelayMs: 30_000, ...options.retry },
    sleep: deps.sleep ?? sleep,
    userAgent: options.userAgent ?? "keelson",
    dialTimeoutMs: options.dialTimeoutMs ?? 30_000,
    headersTimeoutMs: options.headersTimeoutMs ?? 60_000,
  };
  const open = async (reference: ImageReference, opening: OpenOptions = {}): Promise<RegistrySession> => {
    const credentials = readCredentials(opening.auth);
    const { server } = opening;
    const hosts =
      server === undefined ? await resolveHosts(reference.domain, options.configPath) : [explicitHost(server)];
    const secrets = hosts.flatMap((host) => [...host.headers.values()]);
    const redact = createRedactor([...secrets, ...(credentials?.secrets() ?? [])]);
    const authorizations = new Authorizations({
      domain: reference.domain,
      repository: reference.path,
      actions: opening.actions ?? "pull",
      credentials,
      deps: { ...shared, redact },
    });
    return new RegistrySession({ repository: reference.path, hosts, deps: shared, redact, authorizations });
  };
  const close = async (): Promise<void> => node?.close();
  return { open, close, [Symbol.asyncDispose]: close };
}

const unreachable: RegistryFetch = () => Promise.reject(new Error("no fetch was given"));
