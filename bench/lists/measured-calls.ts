import { runtimeServiceDefinition } from "../client/runtime-service-definition.ts";
import type { Runtime } from "../runtimes.ts";
import type { LoadTask } from "./load-protocol.ts";

/** A call as it is sent to each runtime. */
export interface MeasuredCall {
  /** `ListContainers, 30` */
  readonly name: string;
  readonly request: Readonly<Record<Runtime["name"], Pick<LoadTask, "path" | "request">>>;
}

const service = runtimeServiceDefinition();

function sameCall(method: string, name: string): MeasuredCall {
  const request = { path: `/runtime.v1.RuntimeService/${method}`, request: new Uint8Array(0) };
  return { name, request: { keelsond: request, containerd: request } };
}

/** @param podIds one pod of each runtime */
export function callsOfRunningPods(
  running: number,
  podIds: Readonly<Record<Runtime["name"], string>>,
): readonly MeasuredCall[] {
  const lists = ["ListPodSandbox", "ListContainers", "ListContainerStats", "ListPodSandboxStats"];
  const stats = (runtime: Runtime["name"]): Pick<LoadTask, "path" | "request"> => ({
    path: "/runtime.v1.RuntimeService/PodSandboxStats",
    request: service.PodSandboxStats?.requestSerialize({ podSandboxId: podIds[runtime] }) ?? new Uint8Array(0),
  });
  return [
    sameCall("Version", "Version"),
    sameCall("Status", "Status"),
    ...lists.map((method) => sameCall(method, `${method}, ${running}`)),
    { name: "PodSandboxStats", request: { keelsond: stats("keelsond"), containerd: stats("containerd") } },
  ];
}

export function callsOfLongLists(listed: number): readonly MeasuredCall[] {
  return ["ListPodSandbox", "ListContainers"].map((method) =>
    sameCall(method, `${method}, ${listed.toLocaleString("en")}`),
  );
}
