import { type CriError, invalidArgument, quote } from "./errors.ts";

/** Where a runtime listens. */
export type Endpoint =
  /** The absolute path of a unix socket. */
  | { readonly kind: "unix"; readonly path: string }
  /** A name in Linux's abstract namespace, without the leading NUL (unix(7)). */
  | { readonly kind: "abstract"; readonly name: string }
  /** Without encryption or authentication: for tests. */
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** Where the runtimes listen unless they are told otherwise; each name is an endpoint too. */
export const wellKnownEndpoints: Readonly<Record<"keelson" | "containerd" | "crio" | "cri-dockerd", string>> = {
  keelson: "unix:///run/keelson/keelsond.sock",
  containerd: "unix:///run/containerd/containerd.sock",
  crio: "unix:///run/crio/crio.sock",
  "cri-dockerd": "unix:///run/cri-dockerd.sock",
};

export interface ParseEndpointOptions {
  /** The absolute folder that relative paths begin at. Without it they are refused. */
  readonly cwd?: string;
}

/**
 * Reads an endpoint: `unix:///path`, a bare path (`/path`, `./path`, `folder/name`), `unix:path` (gRPC's form of a relative
 * one), a runtime's name (see {@link wellKnownEndpoints}), `unix-abstract:name` or `tcp://host:port`. Percent escapes are
 * decoded in what begins with `unix`, and only there. An `Endpoint` prints as a URL by {@link formatEndpoint}.
 * @throws INVALID_ARGUMENT that names what was given and what is wanted
 * @example
 * ```ts
 * parseEndpoint("containerd"); // { kind: "unix", path: "/run/containerd/containerd.sock" }
 * ```
 */
export function parseEndpoint(text: string, options: ParseEndpointOptions = {}): Endpoint {
  const known = Object.hasOwn(wellKnownEndpoints, text) ? wellKnownEndpoints[text as "keelson"] : text;
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(known)?.[1];
  const rest = known.slice((scheme?.length ?? -1) + 1);
  switch (scheme) {
    case undefined:
      return unixSocket(known, text, options);
    case "unix":
      if (!rest.startsWith("//")) return unixSocket(decode(rest, text), text, options);
      if (rest.startsWith("///")) return unixSocket(decode(rest.slice(2), text), text, options);
      throw bad(text, "what follows unix:// is a host name, and a unix socket has none", {
        hint: `write three slashes for an absolute path: unix:///${rest.slice(2)}`,
      });
    case "unix-abstract":
      return abstractSocket(decode(rest, text), text);
    case "tcp":
      return tcp(rest, text);
    case "npipe":
      throw bad(text, "named pipes of Windows are not supported");
    default:
      throw bad(text, `no client of CRI can dial ${quote(scheme)}`, { hint: "write it as unix:///PATH" });
  }
}

/** The inverse of {@link parseEndpoint}, for messages. What it prints can be parsed again. */
export function formatEndpoint(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case "unix":
      return `unix://${encode(endpoint.path)}`;
    case "abstract":
      return `unix-abstract:${encode(endpoint.name)}`;
    case "tcp":
      return `tcp://${endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;
  }
}

function bad(text: string, why: string, options?: { readonly hint?: string; readonly cause?: unknown }): CriError {
  return invalidArgument(`parse endpoint ${quote(text)}: ${why}`, options);
}

function decode(path: string, text: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw bad(text, "bad percent escape", { cause, hint: "write a percent sign as %25, or give the bare path" });
  }
}

/** Only what would be read as something else, so that a usual path stays as it is. */
function encode(path: string): string {
  return path.replace(/[%\s]/g, encodeURIComponent);
}

/** sun_path holds 108 bytes: with the NUL at a path's end, or the one before an abstract name (unix(7)). */
const longestNameBytes = 107;

function unixSocket(path: string, text: string, { cwd }: ParseEndpointOptions): Endpoint {
  if (path === "" || path.endsWith("/")) throw bad(text, "names no socket");
  if (path.includes("\0")) throw bad(text, "NUL in a path");
  if (!path.startsWith("/") && cwd === undefined) {
    throw bad(text, "a relative path, and no folder that it begins at", {
      hint: "write the absolute path: unix:///run/keelson/keelsond.sock",
    });
  }
  const absolute = path.startsWith("/") ? path : `${cwd}/${path.replace(/^(\.\/+)+/, "")}`.replace(/^\/+/, "/");
  checkLength(absolute, text);
  return { kind: "unix", path: absolute };
}

function abstractSocket(name: string, text: string): Endpoint {
  if (name === "") throw bad(text, "names no socket");
  checkLength(name, text);
  return { kind: "abstract", name };
}

function checkLength(name: string, text: string): void {
  const length = new TextEncoder().encode(name).length;
  if (length > longestNameBytes) {
    throw bad(text, `a socket's name has at most ${longestNameBytes} bytes, this one ${length}`);
  }
}

function tcp(rest: string, text: string): Endpoint {
  const match = /^\/\/(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})\/?$/.exec(rest);
  const port = Number(match?.[2]);
  // a host of digits may be no address: tcp://1.2.3.999:80
  if (match?.[1] === undefined || port < 1 || port > 65535 || !URL.canParse(`http://${match[1]}`)) {
    throw bad(text, "not a host and a port", { hint: "write it as tcp://127.0.0.1:10010" });
  }
  return { kind: "tcp", host: match[1].replace(/^\[|\]$/g, ""), port };
}
