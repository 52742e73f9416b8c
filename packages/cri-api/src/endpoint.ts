import { invalidArgument, quote } from "./errors.ts";

/** Where a runtime listens: an absolute path of a unix socket, or a host and port (for tests). */
export type Endpoint =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/**
 * Reads `unix:///path`, a bare absolute path, or `tcp://host:port`. Percent escapes in a `unix:` URL are decoded.
 * @throws INVALID_ARGUMENT that names what was given and what is wanted
 */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith("unix://")) return unixPath(decode(text.slice("unix://".length), text), text);
  if (text.startsWith("unix:")) return unixPath(decode(text.slice("unix:".length), text), text);
  if (text.startsWith("/")) return unixPath(text, text);
  if (text.startsWith("tcp://")) {
    const match = /^tcp:\/\/(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})$/.exec(text);
    const port = Number(match?.[2]);
    if (match?.[1] !== undefined && port > 0 && port < 65536) {
      return { kind: "tcp", host: match[1].replace(/^\[|\]$/g, ""), port };
    }
  }
  throw invalidArgument(`parse endpoint ${quote(text)}: not an endpoint`, {
    hint: "write it as unix:///run/keelson/keelsond.sock",
  });
}

/** The inverse of {@link parseEndpoint}, for messages. */
export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.kind === "unix" ? `unix://${endpoint.path}` : `tcp://${endpoint.host}:${endpoint.port}`;
}

function decode(path: string, text: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw invalidArgument(`parse endpoint ${quote(text)}: bad percent escape`, { cause });
  }
}

function unixPath(path: string, text: string): Endpoint {
  if (!path.startsWith("/")) {
    throw invalidArgument(`parse endpoint ${quote(text)}: the path of a unix socket is absolute`, {
      hint: "write three slashes: unix:///run/keelson/keelsond.sock",
    });
  }
  if (path.includes("\0")) throw invalidArgument(`parse endpoint ${quote(text)}: NUL in a path`);
  // sun_path holds 108 bytes with its NUL (unix(7))
  if (new TextEncoder().encode(path).length > 107) {
    throw invalidArgument(`parse endpoint ${quote(text)}: a socket path has at most 107 bytes`);
  }
  return { kind: "unix", path };
}
