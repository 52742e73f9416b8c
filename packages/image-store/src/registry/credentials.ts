import { invalidArgument } from "@keelson/cri-api/errors";
import { isHeaderValue } from "./hosts-file.ts";

/** The shape of CRI's AuthConfig; a message of the generated types fits. Empty strings mean "not given". */
export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  /** base64 of `username:password`. */
  readonly auth?: string;
  /** Host that these credentials are for; others get none. */
  readonly serverAddress?: string;
  /** Exchanged for an access token at the registry's token endpoint (OAuth2 refresh token). */
  readonly identityToken?: string;
  /** Sent to the registry as it is: `Authorization: Bearer`. */
  readonly registryToken?: string;
}

export type Secret =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | { readonly kind: "identity"; readonly token: string }
  | { readonly kind: "registry"; readonly token: string };

/** A pull's credentials. Prints as `[redacted]`, however it is printed. */
export class Credentials {
  readonly #secret: Secret;
  readonly #server: string | undefined;

  constructor(secret: Secret, server: string | undefined) {
    this.#secret = secret;
    this.#server = server;
  }

  reveal(): Secret {
    return this.#secret;
  }

  /** Whether they are meant for a registry: by its own domain or the host that serves it; without a server address always. */
  areFor(domain: string, host: string): boolean {
    return this.#server === undefined || this.#server === domain || this.#server === host;
  }

  /** True when a server address names exactly this host, so that a mirror may have them. */
  name(host: string): boolean {
    return this.#server === host;
  }

  /** Everything of them that must never be shown. */
  secrets(): readonly string[] {
    const secret = this.#secret;
    if (secret.kind !== "basic") return [secret.token];
    const pair = basicValue(secret.username, secret.password);
    // base64 may be shown without its padding
    return [secret.password, pair, withoutEnd(pair, "="), encodeURIComponent(secret.password)];
  }

  // fields are #private, which no printer shows: only the two ways of asking for text are left to answer
  toString(): string {
    return "[redacted]";
  }

  toJSON(): string {
    return "[redacted]";
  }
}

/**
 * Checks and decodes a pull's AuthConfig; undefined when it holds nothing. What is sent: the registry token, else the
 * identity token, else user and password.
 * @throws INVALID_ARGUMENT, without showing a value
 */
export function readCredentials(auth: RegistryAuth | undefined): Credentials | undefined {
  if (auth === undefined) return undefined;
  const server = auth.serverAddress ? serverHost(auth.serverAddress) : undefined;
  const token = (kind: "registry" | "identity", value: string): Credentials => {
    if (!isHeaderValue(value)) throw invalidArgument(`read auth: ${kind}_token has control or non-ASCII characters`);
    return new Credentials({ kind, token: value }, server);
  };
  if (auth.registryToken) return token("registry", auth.registryToken);
  if (auth.identityToken) return token("identity", auth.identityToken);
  const pair = auth.username ? { username: auth.username, password: auth.password ?? "" } : decodePair(auth.auth);
  if (pair === undefined) return undefined;
  if (pair.username.includes(":")) throw invalidArgument('read auth: the username contains ":"');
  return new Credentials({ kind: "basic", ...pair }, server);
}

function decodePair(auth: string | undefined): { username: string; password: string } | undefined {
  if (!auth) return undefined;
  const text = /^[A-Za-z0-9+/]*={0,2}$/.test(auth) ? Buffer.from(auth, "base64").toString("utf8") : "";
  const colon = text.indexOf(":");
  if (colon < 1) throw invalidArgument('read auth: "auth" is not the base64 of "username:password"');
  // Docker pads such values with NULs; nothing after the first one counts
  return { username: text.slice(0, colon), password: withoutEnd(text.slice(colon + 1), "\0") };
}

/** Without the characters at its end; a pattern such as `=+$` would take quadratic time (THREATS T12.02). */
function withoutEnd(text: string, character: string): string {
  let end = text.length;
  while (end > 0 && text.charAt(end - 1) === character) end--;
  return text.slice(0, end);
}

export function basicValue(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`, "utf8").toString("base64");
}

/** `https://index.docker.io/v1/` → `docker.io`, `http://127.0.0.1:5000` → `127.0.0.1:5000`. */
function serverHost(address: string): string {
  const text = address.includes("://") ? address : `https://${address}`;
  if (!URL.canParse(text)) throw invalidArgument("read auth: server_address is not a host or URL");
  const host = new URL(text).host;
  return host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host;
}
