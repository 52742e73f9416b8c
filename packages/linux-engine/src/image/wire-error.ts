import { CriError, type CriErrorCode, grpcStatus, isCriError, type KubeletErrorPrefix } from "@keelson/cri-api/errors";

/** An error on its way between processes: its category and its text, without cause and stack. */
export interface WireError {
  readonly code: CriErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly prefix?: KubeletErrorPrefix;
}

const maxTextLength = 4096;
const prefixes: ReadonlySet<string> = new Set<KubeletErrorPrefix>([
  "RegistryUnavailable",
  "SignatureValidationFailed",
  "RROUnsupported",
  "ImageVolumeMountFailed",
]);

export function toWireError(error: unknown): WireError {
  if (!isCriError(error)) {
    return { code: "INTERNAL", message: cut(error instanceof Error ? error.message : String(error)) };
  }
  return {
    code: error.code,
    message: cut(error.message),
    ...(error.hint === undefined ? {} : { hint: cut(error.hint) }),
    ...(error.prefix === undefined ? {} : { prefix: error.prefix }),
  };
}

/** The error as the other process meant it; what is no error becomes INTERNAL. */
export function fromWireError(value: unknown): CriError {
  const { code, message, hint, prefix } = Object(value) as Record<string, unknown>;
  const known = typeof code === "string" && Object.hasOwn(grpcStatus, code);
  return new CriError(known ? (code as CriErrorCode) : "INTERNAL", cut(String(message)), {
    ...(typeof hint === "string" ? { hint: cut(hint) } : {}),
    ...(typeof prefix === "string" && prefixes.has(prefix) ? { prefix: prefix as KubeletErrorPrefix } : {}),
  });
}

function cut(text: string): string {
  return text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text;
}
