import { invalidArgument, quote } from "@keelson/cri-api/errors";
import type { ContainerConfig } from "@keelson/cri-api/v1";
import { type CheckedScript, type ContainerScript, parseContainerScript } from "./script.ts";

/** The annotation whose JSON is the container's own script. Only the simulated engine reads it. */
export const scriptAnnotation = "keelson.script";

const maxAnnotationLength = 1024 * 1024;

/**
 * What a container does: its annotation's script, else that of its name, else nothing: it runs until it is stopped.
 * @throws INVALID_ARGUMENT for an annotation with mistakes
 */
export function containerScript(config: ContainerConfig, script: CheckedScript): ContainerScript {
  const text = Object.hasOwn(config.annotations, scriptAnnotation) ? config.annotations[scriptAnnotation] : undefined;
  if (text === undefined) return script.containers.get(config.metadata?.name ?? "") ?? {};
  const where = `annotation ${quote(scriptAnnotation)}`;
  if (text.length > maxAnnotationLength) {
    throw invalidArgument(`read ${where}: it has ${text.length} characters, at most ${maxAnnotationLength} are read`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalidArgument(`read ${where}: it is not JSON`, {
      cause,
      hint: cause instanceof Error ? cause.message : "",
    });
  }
  return parseContainerScript(value, where);
}
