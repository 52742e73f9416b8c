import { asObject, optionalString } from "./decode.ts";

/** `os/architecture[/variant]` in Go's words: `linux/amd64`, `linux/arm64/v8`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** Empty when there is none. */
  readonly variant: string;
}

const architectures = new Map([
  ["x86_64", "amd64"],
  ["x86-64", "amd64"],
  ["aarch64", "arm64"],
]);

/** Writes equal platforms equally: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `amd64/v1` is `amd64`. */
export function normalizePlatform({ os, architecture, variant }: Platform): Platform {
  const arch = architectures.get(architecture.toLowerCase()) ?? architecture.toLowerCase();
  const isBase = (arch === "arm64" && (variant === "v8" || variant === "8")) || (arch === "amd64" && variant === "v1");
  return { os: os.toLowerCase(), architecture: arch, variant: isBase ? "" : variant.toLowerCase() };
}

/**
 * How well an image's platform suits a wanted one: 2 exactly, 1 the base variant where a higher one is wanted, 0 not.
 */
export function platformFit(offered: Platform, wanted: Platform): 0 | 1 | 2 {
  const a = normalizePlatform(offered);
  const b = normalizePlatform(wanted);
  if (a.os !== b.os || a.architecture !== b.architecture) return 0;
  if (a.variant === b.variant) return 2;
  return a.variant === "" ? 1 : 0;
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return variant === "" ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** The platform of this machine: Linux containers for its processor. */
export function hostPlatform(): Platform {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  return { os: "linux", architecture, variant: "" };
}

/** @throws FAILED_PRECONDITION */
export function parsePlatform(value: unknown, what: string): Platform {
  const object = asObject(value, what);
  const field = (key: string): string => optionalString(object, key, what);
  return { os: field("os"), architecture: field("architecture"), variant: field("variant") };
}
