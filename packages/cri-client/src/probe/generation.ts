import type { MethodAnswer } from "./method-answer.ts";

/** A minor release of Kubernetes, as far as calls tell: the releases before 1.25 brought none of v1's own. */
export type Generation = "before 1.25" | `1.${number}`;

/** Which release of Kubernetes brought a call to `runtime.v1` (k8s.io/cri-api, tags v0.23.0 to v0.36.0 and after). */
const broughtIn: ReadonlyMap<string, number> = new Map([
  ["RuntimeService/CheckpointContainer", 25],
  ["RuntimeService/GetContainerEvents", 25],
  ["RuntimeService/ListMetricDescriptors", 26],
  ["RuntimeService/ListPodSandboxMetrics", 26],
  ["RuntimeService/RuntimeConfig", 28],
  ["RuntimeService/UpdatePodSandboxResources", 33],
  ["RuntimeService/StreamPodSandboxes", 36],
  ["RuntimeService/StreamContainers", 36],
  ["RuntimeService/StreamContainerStats", 36],
  ["RuntimeService/StreamPodSandboxStats", 36],
  ["RuntimeService/StreamPodSandboxMetrics", 36],
  ["ImageService/StreamImages", 36],
  ["RuntimeService/CheckpointPod", 37],
  ["RuntimeService/RestorePod", 37],
]);

/** Whether a call, `RuntimeService/RuntimeConfig`, tells a generation. */
export function tellsGeneration(method: string): boolean {
  return broughtIn.has(method);
}

/** The release that brought the newest call that is served. */
export function newestGeneration(methods: ReadonlyMap<string, MethodAnswer>): Generation {
  let newest = 0;
  for (const [method, answer] of methods) {
    if (answer === "served") newest = Math.max(newest, broughtIn.get(method) ?? 0);
  }
  return newest === 0 ? "before 1.25" : `1.${newest}`;
}

/** The minor version as a number, 0 for {@link Generation} "before 1.25". */
export function minorOf(generation: Generation): number {
  return generation === "before 1.25" ? 0 : Number(generation.slice("1.".length));
}
