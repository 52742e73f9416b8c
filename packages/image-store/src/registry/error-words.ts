import { quote } from "@keelson/cri-api/errors";
import type { Redactor } from "@keelson/cri-api/redact";

const maxMessages = 3;

/** The first messages of a registry's error body (OCI distribution-spec, "Error Codes"), redacted, quoted and cut. */
export function errorWords(body: string, redact: Redactor): string {
  return errorMessages(body)
    .slice(0, maxMessages)
    .map((message) => quote(redact(message)))
    .join(", ");
}

function errorMessages(body: string): readonly string[] {
  try {
    const { errors } = JSON.parse(body) as { errors?: unknown };
    const list: unknown[] = Array.isArray(errors) ? errors : [];
    return list.flatMap((item) => {
      const { code, message } = (item ?? {}) as { code?: unknown; message?: unknown };
      return [message, code].filter((word): word is string => typeof word === "string" && word !== "").slice(0, 1);
    });
  } catch {
    // no JSON: a proxy's page, nothing that helps
    return [];
  }
}
