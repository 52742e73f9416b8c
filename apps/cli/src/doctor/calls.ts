/** A call of CRI, and what becomes of a node whose runtime does not serve it. */
export interface KnownCall {
  /** `RuntimeService/RuntimeConfig` */
  readonly method: string;
  /** The Kubernetes minor whose CRI has it first; undefined for those that were there before v1. */
  readonly since: string | undefined;
  /** What a kubelet does without it. */
  readonly without: string;
  /** Set where the node is of no use without it. */
  readonly breaks?: "not-ready" | "no-pods";
}

const noRelist = "the kubelet cannot list what runs (PLEG): the node stays NotReady";
const noPods = "no pod can run";
const cadvisor = "statistics come from cAdvisor, as they do by default";
const checkpoints = "checkpoints are refused";
const podCheckpoints = "checkpoints of pods are refused (alpha in 1.37, off by default)";
const oneMessage = "lists come in one message of at most 16 MiB, as they do by default (CRIListStreaming is off)";

/**
 * Every call of CRI as of Kubernetes 1.37. Generations: k8s.io/cri-api, its release branches. What a kubelet does without
 * one: k8s.io/kubernetes, pkg/kubelet; KEP-4033 (RuntimeConfig), KEP-3386 (events), KEP-2371 (metrics), KEP-1287 (resize),
 * KEP-5825 (streaming lists), KEP-2008 and KEP-5823 (checkpoints).
 */
export const knownCalls: readonly KnownCall[] = [
  ...runtimeCalls(undefined, [
    ["Version", "no kubelet starts here", "not-ready"],
    ["Status", "the kubelet never finds the runtime ready: the node stays NotReady", "not-ready"],
    ["ListPodSandbox", noRelist, "not-ready"],
    ["ListContainers", noRelist, "not-ready"],
    ["PodSandboxStatus", noPods, "no-pods"],
    ["RunPodSandbox", noPods, "no-pods"],
    ["StopPodSandbox", "no pod can be ended", "no-pods"],
    ["RemovePodSandbox", "what ended pods leave behind is never removed", "no-pods"],
    ["ContainerStatus", noPods, "no-pods"],
    ["CreateContainer", noPods, "no-pods"],
    ["StartContainer", noPods, "no-pods"],
    ["StopContainer", "no container can be ended", "no-pods"],
    ["RemoveContainer", "what ended containers leave behind is never removed", "no-pods"],
    ["UpdateContainerResources", "containers cannot be resized, nor pinned to CPUs by the CPU manager"],
    ["ReopenContainerLog", "logs are not rotated: a container's log grows without limit"],
    ["ExecSync", "exec probes and hooks fail"],
    ["Exec", "kubectl exec fails"],
    ["Attach", "kubectl attach fails"],
    ["PortForward", "kubectl port-forward fails"],
    ["ContainerStats", "statistics of a single container are missing"],
    ["ListContainerStats", "the kubelet's /stats/summary fails, and with it eviction under pressure"],
    ["UpdateRuntimeConfig", "the runtime is not told the node's range of pod addresses"],
  ]),
  ...runtimeCalls("1.23", [
    ["PodSandboxStats", cadvisor],
    ["ListPodSandboxStats", cadvisor],
  ]),
  ...runtimeCalls("1.25", [
    ["CheckpointContainer", checkpoints],
    ["GetContainerEvents", "pods are found by a relist each second, as they are by default (EventedPLEG is off)"],
  ]),
  ...runtimeCalls("1.26", [
    ["ListMetricDescriptors", "metrics come from cAdvisor, as they do by default"],
    ["ListPodSandboxMetrics", "metrics come from cAdvisor, as they do by default"],
  ]),
  ...runtimeCalls("1.28", [
    [
      "RuntimeConfig",
      "the kubelet goes by its own cgroupDriver setting, which has to be the runtime's; 1.38 is to end this",
    ],
  ]),
  ...runtimeCalls("1.33", [
    ["UpdatePodSandboxResources", "a pod is resized in place without the runtime being told the pod's new sum"],
  ]),
  ...runtimeCalls("1.36", [
    ["StreamPodSandboxes", oneMessage],
    ["StreamContainers", oneMessage],
    ["StreamContainerStats", oneMessage],
    ["StreamPodSandboxStats", oneMessage],
    ["StreamPodSandboxMetrics", oneMessage],
  ]),
  { method: "ImageService/StreamImages", since: "1.36", without: oneMessage },
  ...runtimeCalls("1.37", [
    ["CheckpointPod", podCheckpoints],
    ["RestorePod", podCheckpoints],
  ]),
  { method: "ImageService/ImageFsInfo", since: undefined, without: "no kubelet starts here", breaks: "no-pods" },
  { method: "ImageService/ImageStatus", since: undefined, without: noPods, breaks: "no-pods" },
  { method: "ImageService/PullImage", since: undefined, without: "no image can be pulled", breaks: "no-pods" },
  { method: "ImageService/ListImages", since: undefined, without: "images that nobody uses are never removed" },
  { method: "ImageService/RemoveImage", since: undefined, without: "images that nobody uses are never removed" },
];

type Row = readonly [name: string, without: string, breaks?: NonNullable<KnownCall["breaks"]>];

function runtimeCalls(since: string | undefined, rows: readonly Row[]): readonly KnownCall[] {
  return rows.map(([name, without, breaks]) => ({
    method: `RuntimeService/${name}`,
    since,
    without,
    ...(breaks === undefined ? {} : { breaks }),
  }));
}
