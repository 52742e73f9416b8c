import { CriError, type CriErrorCode } from "@keelson/cri-api/errors";
import { SyscallError } from "./syscall-error.ts";

/** Files that namespaces are bound to, one per kind; a kind that is absent is the host's. */
export interface NamespacePins {
  readonly net?: string;
  readonly ipc?: string;
  readonly uts?: string;
}

export type NamespaceKind = keyof NamespacePins;

/** What is set once inside a pod's namespaces. */
export interface NamespaceSettings {
  /** Host name, at most 64 bytes; needs `uts`. */
  readonly hostname?: string;
  /** By key; `net.*` needs `net`, the others need `ipc`. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** Brings `lo` up. */
  readonly loopback?: boolean;
  /** `false` switches IPv6 off on all interfaces, present and future. */
  readonly ipv6?: boolean;
}

/** An interface's address as `node:os` lists it. */
export interface InterfaceAddress {
  readonly interface: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly family: "IPv4" | "IPv6";
  readonly mac: string;
}

/** What the worker can be asked, and what it answers. It does one thing at a time. */
export interface NamespaceCalls {
  /** Makes new namespaces, sets them up, pins them. */
  create(request: { readonly pins: NamespacePins; readonly settings: NamespaceSettings }): undefined;
  /** Sets up namespaces that are pinned already. */
  configure(request: { readonly pins: NamespacePins; readonly settings: NamespaceSettings }): undefined;
  /** Opens a TCP socket there and begins to connect; answers its descriptor, which is the caller's from then on. */
  connect(request: { readonly net: string; readonly address: string; readonly port: number }): number;
  /** Reads a file of `/proc/net` or, by its key, a sysctl. */
  read(request: { readonly pins: NamespacePins; readonly file: { procNet: string } | { sysctl: string } }): string;
  addresses(request: { readonly net: string }): readonly InterfaceAddress[];
}

export type NamespaceCall = keyof NamespaceCalls;

export type NamespaceRequest = {
  [K in NamespaceCall]: { readonly id: number; readonly call: K; readonly request: Parameters<NamespaceCalls[K]>[0] };
}[NamespaceCall];

export type NamespaceReply =
  | { readonly id: number; readonly result: ReturnType<NamespaceCalls[NamespaceCall]> }
  | { readonly id: number; readonly error: WireError };

/** An error in a form that survives between threads. */
export type WireError =
  | { readonly syscall: string; readonly errno: number; readonly subject: string | undefined }
  | { readonly code: CriErrorCode; readonly message: string; readonly hint: string | undefined };

export function toWireError(error: unknown): WireError {
  if (error instanceof SyscallError) {
    return { syscall: error.syscall, errno: error.errnoNumber, subject: error.subject };
  }
  if (error instanceof CriError) return { code: error.code, message: error.message, hint: error.hint };
  if (error instanceof Error && "errno" in error && typeof error.errno === "number") {
    const { syscall, path } = error as NodeJS.ErrnoException; // of node:fs, whose numbers are negative
    return { syscall: syscall ?? "call", errno: -error.errno, subject: path };
  }
  return { code: "INTERNAL", message: String(error), hint: undefined };
}

export function fromWireError(error: WireError): CriError {
  if ("syscall" in error) return new SyscallError(error.syscall, error.errno, error.subject);
  return new CriError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
}
