import type { Json } from "../ports/index.ts";

/** Configurations in `info` have the proto's field names, as other runtimes write them. */
export const protoNames = { useProtoFieldName: true } as const;

type Parts = Readonly<Record<string, Json>>;

/**
 * The `info` of a verbose answer. As containerd has it, the key `info` is one JSON document with all there is: what the
 * core knows, what the engine tells under its own `info`, and the engine's other parts, which are also there under
 * their own keys.
 */
export function verboseInfo(core: Parts, engine: Parts): Record<string, string> {
  const { info, ...parts } = engine;
  const document = { ...core, ...parts, ...(isObject(info) ? info : {}) };
  const own = Object.entries(parts).map(([key, value]) => [key, JSON.stringify(value)] as const);
  return { ...Object.fromEntries(own), info: JSON.stringify(document) };
}

function isObject(value: Json | undefined): value is Parts {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
