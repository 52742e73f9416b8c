import type { DescMethod } from "@bufbuild/protobuf";

/** The fields of a request, by their names in TypeScript. */
export type Request = Record<string, unknown>;

/** No runtime gives such IDs, and none is the beginning of one that it gives. */
const nobody = "keelson-probe-of-nobody";
const noImage = "keelson.invalid/probe-of-nothing:none";
const none = { filter: { id: nobody } };

/**
 * The request that asks for a method and changes nothing, by the method's name. Left out is what changes something
 * even for an ID that nobody has, or might crash on a request without a configuration: cri-dockerd tears a network down
 * for any sandbox ID, CRI-O gives a URL to forward ports of any, and more than one runtime reads fields of a
 * configuration that is not there.
 */
const requests: Readonly<Record<string, Request>> = {
  Version: {},
  Status: {},
  RuntimeConfig: {},
  ListPodSandbox: none,
  PodSandboxStatus: { podSandboxId: nobody },
  PodSandboxStats: { podSandboxId: nobody },
  ListPodSandboxStats: none,
  ListContainers: none,
  ContainerStatus: { containerId: nobody },
  ContainerStats: { containerId: nobody },
  ListContainerStats: none,
  ReopenContainerLog: { containerId: nobody },
  ExecSync: { containerId: nobody, cmd: ["true"], timeout: 1n },
  Exec: { containerId: nobody, cmd: ["true"], stdout: true },
  Attach: { containerId: nobody, stdout: true },
  CheckpointContainer: { containerId: nobody },
  CheckpointPod: { podSandboxId: nobody },
  UpdatePodSandboxResources: { podSandboxId: nobody },
  ListMetricDescriptors: {},
  ListPodSandboxMetrics: {},
  GetContainerEvents: {},
  StreamPodSandboxes: none,
  StreamContainers: none,
  StreamContainerStats: none,
  StreamPodSandboxStats: none,
  StreamPodSandboxMetrics: {},
  ListImages: { filter: { image: { image: noImage } } },
  StreamImages: { filter: { image: { image: noImage } } },
  ImageStatus: { image: { image: noImage } },
  ImageFsInfo: {},
};

/** Undefined for a method that must not be asked. */
export function harmlessRequest(method: DescMethod): Request | undefined {
  return requests[method.name];
}
