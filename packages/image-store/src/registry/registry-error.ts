import { CriError, type CriErrorCode, type CriErrorOptions, quote } from "@keelson/cri-api/errors";
import type { Redactor } from "@keelson/cri-api/redact";
import { damagedHint } from "../manifest/data-loss.ts";

export interface RegistryErrorDetails extends CriErrorOptions {
  /** HTTP status, when there was an answer. */
  readonly status?: number;
  /** Whether the same request may succeed a little later. */
  readonly retryable: boolean;
  /** How long the registry asked to wait, in ms. */
  readonly retryAfterMs?: number;
  /** True when the host gave no answer at all. */
  readonly unreachable?: boolean;
}

/** What one host did wrong; a category like every CriError, with what the retry and the next host need to know. */
export class RegistryError extends CriError {
  readonly status: number | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly unreachable: boolean;

  constructor(code: CriErrorCode, message: string, details: RegistryErrorDetails) {
    super(code, message, details);
    this.status = details.status;
    this.retryable = details.retryable;
    this.retryAfterMs = details.retryAfterMs;
    this.unreachable = details.unreachable ?? false;
  }
}

/** Something that a registry sent and that is refused for good: too large, encoded, ambiguous. */
export function refused(message: string, hint?: string): RegistryError {
  return new RegistryError("FAILED_PRECONDITION", message, { retryable: false, ...(hint !== undefined && { hint }) });
}

/** Content that is not what its digest says. */
export function corrupt(message: string, hint?: string): RegistryError {
  return new RegistryError("DATA_LOSS", message, {
    retryable: false,
    hint: hint ?? damagedHint,
  });
}

const unreachablePrefix = { prefix: "RegistryUnavailable" } as const;

/** What a failed exchange means. `what` is the action in plain words, `label` the host. */
export function networkError(cause: unknown, what: string, label: string, redact: Redactor): RegistryError {
  if (cause instanceof RegistryError) return cause;
  const { code = "", message = String(cause) } = cause as { code?: string; message?: string };
  const text = redact(message).slice(0, 300);
  if (isTlsCode(code)) {
    return new RegistryError("FAILED_PRECONDITION", `${what}: no trusted connection to ${quote(label)}: ${text}`, {
      retryable: false,
      unreachable: true,
      hint:
        code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "EPROTO"
          ? `it seems to speak plain HTTP: if that is meant, name it with "http://" in its hosts.toml`
          : `give the registry's CA as "ca" in its hosts.toml`,
    });
  }
  return new RegistryError("UNKNOWN", `${what}: registry ${quote(label)} can't be reached: ${text}`, {
    ...unreachablePrefix,
    retryable: true,
    unreachable: true,
    hint: "check the host's name, the network and the registry, or configure a mirror in hosts.toml",
  });
}

// OpenSSL's verification results carry such codes; Node's own and protocol errors begin as listed
function isTlsCode(code: string): boolean {
  return (
    code.startsWith("ERR_TLS_") ||
    code.startsWith("ERR_SSL_") ||
    code.startsWith("CERT_") ||
    code.startsWith("UNABLE_TO_") ||
    code.includes("SELF_SIGNED") ||
    code === "EPROTO" ||
    code === "HOSTNAME_MISMATCH"
  );
}

export interface StatusContext {
  readonly what: string;
  readonly label: string;
  readonly status: number;
  /** The registry's own words, already redacted and cut; may be empty. */
  readonly said: string;
  readonly retryAfterMs: number | undefined;
  readonly hadCredentials: boolean;
}

/**
 * What an HTTP status means to a caller of CRI. 401 and 403 are PERMISSION_DENIED: the credentials came with the call
 * (containerd answers Unknown, which tells a client nothing; Unauthenticated would speak of the runtime's own socket).
 */
export function statusError(context: StatusContext): RegistryError {
  const { what, label, status, said, retryAfterMs } = context;
  const words = said === "" ? "" : `: ${said}`;
  const details = { status, retryable: false, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  if (status === 404) {
    return new RegistryError("NOT_FOUND", `${what}: not found at ${quote(label)}${words}`, {
      ...details,
      hint: "check the name and the tag",
    });
  }
  if (status === 401 || status === 403) {
    return new RegistryError(
      "PERMISSION_DENIED",
      `${what}: pull access denied by ${quote(label)}, the repository does not exist or needs other credentials${words}`,
      {
        ...details,
        hint: context.hadCredentials ? "check the credentials and their rights" : "give credentials (imagePullSecrets)",
      },
    );
  }
  if (status === 429) {
    return new RegistryError("RESOURCE_EXHAUSTED", `${what}: ${quote(label)} allows no more requests now${words}`, {
      ...details,
      retryable: true,
      hint: "wait, or pull with credentials that have a higher limit, or configure a mirror",
    });
  }
  if (status >= 500 || status === 408) {
    return new RegistryError("UNKNOWN", `${what}: registry ${quote(label)} answered ${status}${words}`, {
      ...details,
      ...unreachablePrefix,
      retryable: true,
      hint: "the registry is in trouble: try again, or configure a mirror",
    });
  }
  return new RegistryError("UNKNOWN", `${what}: ${quote(label)} answered ${status}${words}`, {
    ...details,
    hint: "the host may be no registry",
  });
}
