import { quote } from "@keelson/cri-api/errors";
import type { Redactor } from "@keelson/cri-api/redact";
import { basicValue, type Credentials } from "./credentials.ts";
import { isHeaderValue } from "./hosts-file.ts";
import { checkTarget, mayHaveCredentials, type OriginPolicy } from "./origin-policy.ts";
import { type ProgressLimits, readSmallBody } from "./read-body.ts";
import { RegistryError, refused, statusError } from "./registry-error.ts";
import type { RegistryFetch, TlsSettings } from "./transport.ts";

const maxTokenBytes = 64 * 1024;
const maxTokenLength = 16 * 1024;
const maxParameterLength = 2048;

export interface TokenRequest {
  /** The parameters of a Bearer challenge. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Origin that challenged. */
  readonly registry: URL;
  readonly scope: string;
  /** Undefined for an anonymous token. */
  readonly credentials: Credentials | undefined;
  readonly tls: TlsSettings;
  readonly signal: AbortSignal;
}

export interface TokenDeps {
  readonly fetch: RegistryFetch;
  readonly policy: OriginPolicy;
  readonly limits: ProgressLimits;
  readonly userAgent: string;
  readonly redact: Redactor;
}

/**
 * Asks the realm of a Bearer challenge for an access token (distribution, "Token Authentication Specification").
 * Redirects of the token server are not followed.
 * @throws FAILED_PRECONDITION when the realm may not be reached, or may not have the credentials
 */
export async function fetchToken(request: TokenRequest, deps: TokenDeps): Promise<string> {
  const { parameters, registry, credentials } = request;
  const text = parameters.get("realm") ?? "";
  // redacted before it is cut: half a secret would not be recognised
  const shown = `token realm ${quote(deps.redact(text), 100)}`;
  const realm = checkTarget(text, registry, { policy: deps.policy, what: shown });
  if (credentials !== undefined && !mayHaveCredentials(realm, registry, deps.policy)) {
    throw refused(
      `${shown} of ${quote(registry.host)}: credentials are not sent to another domain`,
      `if the realm is right, name ${quote(realm.origin)} among the token origins`,
    );
  }
  const service = checkedParameter(parameters.get("service") ?? "", "service");
  const response = await deps.fetch({
    ...compose(realm, { service, scope: checkedParameter(request.scope, "scope"), credentials, deps }),
    // skip_verify and client certificates are for the host that they were configured for
    tls: realm.origin === registry.origin ? request.tls : { skipVerify: false, ca: request.tls.ca, client: [] },
    dialTimeoutMs: deps.limits.idleMs,
    headersTimeoutMs: deps.limits.idleMs,
    signal: request.signal,
  });
  const fetching = `fetch a token from ${quote(realm.host)}`;
  const body = await readSmallBody(response, { maxBytes: maxTokenBytes, limits: deps.limits, what: fetching });
  if (response.status === 200) return readToken(body.toString("utf8"), fetching);
  throw statusError({
    what: fetching,
    label: realm.host,
    status: response.status,
    said: "",
    retryAfterMs: undefined,
    hadCredentials: credentials !== undefined,
  });
}

function checkedParameter(value: string, name: string): string {
  if (value.length <= maxParameterLength && isHeaderValue(value)) return value;
  throw refused(`read a Bearer challenge: its ${name} is too long or has control characters`);
}

function compose(
  realm: URL,
  parts: { service: string; scope: string; credentials: Credentials | undefined; deps: TokenDeps },
): { url: URL; method: "GET" | "POST"; headers: ReadonlyMap<string, string>; body?: Uint8Array } {
  const { service, scope, credentials, deps } = parts;
  const secret = credentials?.reveal();
  const headers = new Map([
    ["accept", "application/json"],
    ["accept-encoding", "identity"],
    ["user-agent", deps.userAgent],
  ]);
  if (secret?.kind === "identity") {
    headers.set("content-type", "application/x-www-form-urlencoded");
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      service,
      scope,
      client_id: "keelson",
      refresh_token: secret.token,
    });
    return { url: realm, method: "POST", headers, body: new TextEncoder().encode(form.toString()) };
  }
  const url = new URL(realm);
  if (service !== "") url.searchParams.set("service", service);
  url.searchParams.set("scope", scope);
  if (secret?.kind === "basic") headers.set("authorization", `Basic ${basicValue(secret.username, secret.password)}`);
  return { url, method: "GET", headers };
}

function readToken(text: string, what: string): string {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new RegistryError("UNKNOWN", `${what}: the answer is not JSON`, { retryable: false });
  }
  if (typeof answer === "object" && answer !== null) {
    const { token, access_token } = answer as { token?: unknown; access_token?: unknown };
    const value = typeof token === "string" && token !== "" ? token : access_token;
    if (typeof value === "string" && value !== "" && value.length <= maxTokenLength && isToken(value)) return value;
  }
  throw new RegistryError("UNKNOWN", `${what}: the answer holds no usable token`, { retryable: false });
}

function isToken(text: string): boolean {
  return isHeaderValue(text) && !text.includes(" ") && !text.includes("\t");
}
