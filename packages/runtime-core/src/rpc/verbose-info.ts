import type { Json } from "../ports/index.ts";

/**
 * The `info` of a verbose answer. As containerd has it, `info` is one JSON document with all there is; each part that
 * the engine tells is also there under its own key.
 */
export function verboseInfo(
  core: Readonly<Record<string, Json>>,
  engine: Readonly<Record<string, Json>>,
): Record<string, string> {
  const parts = Object.entries(engine).map(([key, value]) => [key, JSON.stringify(value)] as const);
  return { ...Object.fromEntries(parts), info: JSON.stringify({ ...core, ...engine }) };
}
