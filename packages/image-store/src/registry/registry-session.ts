import { isCriError, quote } from "@keelson/cri-api/errors";
import type { Redactor } from "@keelson/cri-api/redact";
import type { Authorizations } from "./authorizations.ts";
import { errorWords } from "./error-words.ts";
import { checkTarget, type OriginPolicy } from "./origin-policy.ts";
import { type ProgressLimits, readSmallBody } from "./read-body.ts";
import { networkError, type RegistryError, refused, statusError } from "./registry-error.ts";
import { hostLabel, type RegistryHost } from "./registry-host.ts";
import { parseRetryAfter, type RetryPolicy, type Sleep, throwIfAborted } from "./retry.ts";
import type { RegistryFetch, RegistryResponse } from "./transport.ts";

/** What a client's sessions have in common; every default is resolved. */
export interface SessionDeps {
  readonly fetch: RegistryFetch;
  readonly policy: OriginPolicy;
  readonly limits: ProgressLimits;
  readonly retry: RetryPolicy;
  readonly sleep: Sleep;
  readonly userAgent: string;
  readonly dialTimeoutMs: number;
  readonly headersTimeoutMs: number;
}

export interface HostRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  /** Below the repository: `manifests/latest`. An absolute URL (a Location) must lie on the host itself. */
  readonly path: string;
  readonly accept?: string;
  /** Ask for the bytes from here on. */
  readonly from?: number;
  readonly body?: Uint8Array;
  readonly contentType?: string;
  /** What is being done, for messages: `pull "docker.io/library/busybox:latest"`. */
  readonly what: string;
  readonly signal: AbortSignal;
}

export type ReadContext = Pick<HostRequest, "what" | "signal">;

const maxRedirects = 5;
const maxSaidBytes = 64 * 1024;

/** One repository, asked on behalf of one caller: hosts and credentials are fixed, tokens live and die with it. */
export class RegistrySession {
  /** The repository's path: `library/busybox`. */
  readonly repository: string;
  readonly hosts: readonly RegistryHost[];
  readonly deps: SessionDeps;
  readonly redact: Redactor;
  readonly #authorizations: Authorizations;

  constructor(parts: {
    readonly repository: string;
    readonly hosts: readonly RegistryHost[];
    readonly deps: SessionDeps;
    readonly redact: Redactor;
    readonly authorizations: Authorizations;
  }) {
    this.repository = parts.repository;
    this.hosts = parts.hosts;
    this.deps = parts.deps;
    this.redact = parts.redact;
    this.#authorizations = parts.authorizations;
  }

  /**
   * Sends one request to one host: challenges are answered, redirects of GET and HEAD followed by hand, and each hop
   * gets headers built anew for its origin. Answers with whatever status came.
   * @throws RegistryError when there was no answer or the host led astray; CANCELED, DEADLINE_EXCEEDED
   */
  async send(host: RegistryHost, request: HostRequest): Promise<RegistryResponse> {
    const answered = new Set<string>();
    let url = this.#firstUrl(host, request);
    for (let hops = 0; ; ) {
      const used = this.#authorizations.header(host, url);
      const response = await this.#exchange(host, url, { ...request, authorization: used });
      if (response.status === 401 && !answered.has(url.origin)) {
        answered.add(url.origin);
        if (!(await this.#answerChallenge(host, url, { response, used, request }))) return response;
        continue;
      }
      const location = isRedirect(response.status) ? response.header("location") : undefined;
      if (location === undefined || (request.method !== "GET" && request.method !== "HEAD")) return response;
      await this.#drain(response);
      const from = url;
      url = checkTarget(location, from, { policy: this.deps.policy, what: `${request.what}: redirect` });
      // what a stranger asks of the registry must not be asked with the caller's rights
      if (from.origin !== host.origin && url.origin === host.origin) {
        throw refused(`${request.what}: ${quote(from.host)} redirects back to ${quote(host.origin)}`);
      }
      if (++hops > maxRedirects) throw refused(`${request.what}: more than ${maxRedirects} redirects`);
    }
  }

  /** Turns an answer that is not what was asked for into an error, with the registry's own words. */
  async failure(host: RegistryHost, response: RegistryResponse, what: string): Promise<RegistryError> {
    return statusError({
      what,
      label: hostLabel(host),
      status: response.status,
      said: await this.#readWords(response),
      retryAfterMs: parseRetryAfter(response.header("retry-after"), Date.now()),
      hadCredentials: this.#authorizations.hasCredentials(host),
    });
  }

  #firstUrl(host: RegistryHost, request: HostRequest): URL {
    if (request.path.includes("://")) {
      const url = checkTarget(request.path, new URL(host.origin), { policy: this.deps.policy, what: request.what });
      if (url.origin === host.origin) return url;
      throw refused(`${request.what}: ${quote(hostLabel(host))} names another host for uploads`);
    }
    const url = new URL(`${host.origin}${host.apiPath}/${this.repository}/${request.path}`);
    if (host.namespace !== undefined) url.searchParams.set("ns", host.namespace);
    return url;
  }

  async #exchange(
    host: RegistryHost,
    url: URL,
    request: HostRequest & { readonly authorization: string | undefined },
  ): Promise<RegistryResponse> {
    const { deps } = this;
    const isHost = url.origin === host.origin;
    const headers = new Map(isHost ? host.headers : []);
    headers.set("user-agent", deps.userAgent);
    headers.set("accept-encoding", "identity");
    headers.set("accept", request.accept ?? "*/*");
    if (request.from !== undefined && request.from > 0) headers.set("range", `bytes=${request.from}-`);
    if (request.contentType !== undefined) headers.set("content-type", request.contentType);
    if (request.authorization !== undefined) headers.set("authorization", request.authorization);
    throwIfAborted(request.signal, request.what);
    try {
      return await deps.fetch({
        url,
        method: request.method,
        headers,
        ...(request.body !== undefined && { body: request.body }),
        // what weakens or identifies is for the configured host alone; an added CA is trusted on the way as well
        tls: isHost ? host.tls : { skipVerify: false, ca: host.tls.ca, client: [] },
        dialTimeoutMs: host.dialTimeoutMs ?? deps.dialTimeoutMs,
        headersTimeoutMs: deps.headersTimeoutMs,
        signal: request.signal,
      });
    } catch (cause) {
      throw this.#asError(cause, { ...request, label: url.host });
    }
  }

  /**
   * Runs what reads a body of `host`; a connection that breaks or stalls becomes a RegistryError.
   * @throws RegistryError, CANCELED, DEADLINE_EXCEEDED
   */
  async reading<T>(host: RegistryHost, { what, signal }: ReadContext, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (cause) {
      throw this.#asError(cause, { what, signal, label: hostLabel(host) });
    }
  }

  #asError(cause: unknown, { what, signal, label }: ReadContext & { readonly label: string }): Error {
    throwIfAborted(signal, what);
    return isCriError(cause) ? cause : networkError(cause, what, label, this.redact);
  }

  /** True when the same request may be sent again with a better header. */
  async #answerChallenge(
    host: RegistryHost,
    url: URL,
    parts: { response: RegistryResponse; used: string | undefined; request: HostRequest },
  ): Promise<boolean> {
    const { response, used, request } = parts;
    try {
      const challenge = { host, url, used, header: response.header("www-authenticate"), signal: request.signal };
      if (!(await this.#authorizations.answer(challenge))) return false;
    } catch (cause) {
      response.discard();
      throw this.#asError(cause, { ...request, what: `${request.what}: fetch a token`, label: url.host });
    }
    await this.#drain(response);
    return true;
  }

  /** Reads what is left of a small body, so that the connection serves again. */
  async #drain(response: RegistryResponse): Promise<void> {
    try {
      await readSmallBody(response, { maxBytes: maxSaidBytes, limits: this.deps.limits, what: "drain" });
    } catch {
      // it is not needed: the connection ends instead
      response.discard();
    }
  }

  async #readWords(response: RegistryResponse): Promise<string> {
    let body: string;
    try {
      const bytes = await readSmallBody(response, { maxBytes: maxSaidBytes, limits: this.deps.limits, what: "error" });
      body = bytes.toString("utf8");
    } catch {
      // an error whose words can't be read is still that error
      return "";
    }
    return errorWords(body, this.redact);
  }
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}
