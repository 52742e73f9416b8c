import type {
  DescMessage,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { type CriVersion, criServices, criVersions } from "@keelson/cri-api/versions";
import type { Core } from "./core.ts";
import { attach } from "./rpc/attach.ts";
import type { Served } from "./rpc/chain/chain.ts";
import type { CallCount } from "./rpc/chain/gate.ts";
import { checkpointContainer } from "./rpc/checkpoint-container.ts";
import { checkpointPod } from "./rpc/checkpoint-pod.ts";
import { containerStats } from "./rpc/container-stats.ts";
import { containerStatus } from "./rpc/container-status.ts";
import { createContainer } from "./rpc/create-container.ts";
import { exec } from "./rpc/exec.ts";
import { execSync } from "./rpc/exec-sync.ts";
import { getContainerEvents } from "./rpc/get-container-events.ts";
import { imageFsInfo } from "./rpc/image-fs-info.ts";
import { imageStatus } from "./rpc/image-status.ts";
import { listContainerStats } from "./rpc/list-container-stats.ts";
import { listContainers } from "./rpc/list-containers.ts";
import { listImages } from "./rpc/list-images.ts";
import { listMetricDescriptors } from "./rpc/list-metric-descriptors.ts";
import { listPodSandbox } from "./rpc/list-pod-sandbox.ts";
import { listPodSandboxMetrics } from "./rpc/list-pod-sandbox-metrics.ts";
import { listPodSandboxStats } from "./rpc/list-pod-sandbox-stats.ts";
import { podSandboxStats } from "./rpc/pod-sandbox-stats.ts";
import { podSandboxStatus } from "./rpc/pod-sandbox-status.ts";
import { portForward } from "./rpc/port-forward.ts";
import { pullImage } from "./rpc/pull-image.ts";
import { removeContainer } from "./rpc/remove-container.ts";
import { removeImage } from "./rpc/remove-image.ts";
import { removePodSandbox } from "./rpc/remove-pod-sandbox.ts";
import { reopenContainerLog } from "./rpc/reopen-container-log.ts";
import { restorePod } from "./rpc/restore-pod.ts";
import type {
  ImageMethods,
  ImageRpc,
  ImageStreamRpc,
  ImageStreams,
  Rpc,
  RuntimeMethods,
  RuntimeRpc,
  RuntimeStreamRpc,
  RuntimeStreams,
  StreamRpc,
} from "./rpc/rpc.ts";
import { runPodSandbox } from "./rpc/run-pod-sandbox.ts";
import { runtimeConfig } from "./rpc/runtime-config.ts";
import { type CallContext, serve } from "./rpc/serve.ts";
import { serveStream } from "./rpc/serve-stream.ts";
import { startContainer } from "./rpc/start-container.ts";
import { status } from "./rpc/status.ts";
import { stopContainer } from "./rpc/stop-container.ts";
import { stopPodSandbox } from "./rpc/stop-pod-sandbox.ts";
import { streamContainerStats } from "./rpc/stream-container-stats.ts";
import { streamContainers } from "./rpc/stream-containers.ts";
import { streamImages } from "./rpc/stream-images.ts";
import { streamPodSandboxMetrics } from "./rpc/stream-pod-sandbox-metrics.ts";
import { streamPodSandboxStats } from "./rpc/stream-pod-sandbox-stats.ts";
import { streamPodSandboxes } from "./rpc/stream-pod-sandboxes.ts";
import { updateContainerResources } from "./rpc/update-container-resources.ts";
import { updatePodSandboxResources } from "./rpc/update-pod-sandbox-resources.ts";
import { updateRuntimeConfig } from "./rpc/update-runtime-config.ts";
import { version } from "./rpc/version.ts";

/** What is served, by name. A method that is not here answers UNIMPLEMENTED. */
const runtimeRpcs: { readonly [Name in keyof RuntimeMethods]?: RuntimeRpc<Name> } = {
  version,
  runPodSandbox,
  stopPodSandbox,
  removePodSandbox,
  podSandboxStatus,
  listPodSandbox,
  createContainer,
  startContainer,
  stopContainer,
  removeContainer,
  containerStatus,
  listContainers,
  execSync,
  status,
  runtimeConfig,
  updateRuntimeConfig,
  exec,
  attach,
  portForward,
  checkpointContainer,
  checkpointPod,
  restorePod,
  updateContainerResources,
  updatePodSandboxResources,
  reopenContainerLog,
  containerStats,
  listContainerStats,
  podSandboxStats,
  listPodSandboxStats,
  listMetricDescriptors,
  listPodSandboxMetrics,
};

const runtimeStreams: { readonly [Name in keyof RuntimeStreams]?: RuntimeStreamRpc<Name> } = {
  streamPodSandboxes,
  streamContainers,
  streamPodSandboxMetrics,
  streamContainerStats,
  streamPodSandboxStats,
  getContainerEvents,
};

const imageRpcs: { readonly [Name in keyof ImageMethods]?: ImageRpc<Name> } = {
  listImages,
  imageStatus,
  pullImage,
  removeImage,
  imageFsInfo,
};

const imageStreams: { readonly [Name in keyof ImageStreams]?: ImageStreamRpc<Name> } = { streamImages };

/** Stays open as long as its caller likes. Its own limit is the number of subscribers. */
const openEnded = "getContainerEvents" satisfies keyof RuntimeStreams;

export interface RegisterOptions {
  /** The versions of CRI that are served. Default: all that there are. */
  readonly versions?: readonly CriVersion[];
  /** Fires when the server takes no more calls: streams end with UNAVAILABLE then. */
  readonly stopping?: AbortSignal;
}

/** A unary method as it was registered. */
export interface ServedUnary {
  /** `/runtime.v1.RuntimeService/Version` */
  readonly path: string;
  readonly method: DescMethodUnary;
  /** Rejects with ConnectErrors only. */
  handle(request: MessageShape<DescMessage>, context: CallContext): Promise<MessageInitShape<DescMessage>>;
}

/**
 * Puts a core behind a Connect router: the same handlers for each version, which differs only in its path.
 * @returns the unary methods, for a server that answers them without Connect's pipeline
 */
export function registerCri(router: ConnectRouter, core: Core, options: RegisterOptions = {}): readonly ServedUnary[] {
  const unary: ServedUnary[] = [];
  const count: CallCount = { running: 0 };
  const { stopping } = options;
  for (const version of options.versions ?? criVersions) {
    const { runtime, image } = criServices[version];
    const how = { version, count, stopping };
    for (const [service, rpcs] of [
      [runtime, { ...runtimeRpcs, ...runtimeStreams }],
      [image, { ...imageRpcs, ...imageStreams }],
    ] as const) {
      const methods = handlers(service, rpcs, core, how);
      router.service(service, methods);
      unary.push(...unaryMethods(service, methods));
    }
  }
  return unary;
}

interface How {
  readonly version: CriVersion;
  readonly count: CallCount;
  readonly stopping: AbortSignal | undefined;
}

function handlers<Service extends DescService>(
  service: Service,
  rpcs: Readonly<Record<string, unknown>>,
  core: Core,
  how: How,
): Partial<ServiceImpl<Service>> {
  const served = service.methods.filter(({ localName }) => Object.hasOwn(rpcs, localName));
  const entries = served.map((method) => [method.localName, handler(core, method, rpcs[method.localName], how)]);
  return Object.fromEntries(entries) as Partial<ServiceImpl<Service>>;
}

function unaryMethods(service: DescService, implementation: object): readonly ServedUnary[] {
  const handles = new Map<string, ServedUnary["handle"]>(Object.entries(implementation));
  return service.methods.filter(isUnary).flatMap((method) => {
    const handle = handles.get(method.localName);
    return handle === undefined ? [] : [{ path: `/${service.typeName}/${method.name}`, method, handle }];
  });
}

const isUnary = (method: DescMethod): method is DescMethod & DescMethodUnary => method.methodKind === "unary";

/** Handlers are of different types: each was checked against its method in the tables above. */
function handler(core: Core, method: DescMethod, rpc: unknown, how: How): unknown {
  const { version, count, stopping } = how;
  const served: Served = {
    rpc: method.name,
    service: method.parent.typeName,
    version,
    kind: method.methodKind === "unary" ? "unary" : "stream",
    count,
    counted: method.localName !== openEnded,
  };
  return served.kind === "unary"
    ? serve(core, rpc as Rpc<DescMethodUnary>, served)
    : serveStream(core, rpc as StreamRpc<DescMethodServerStreaming>, served, { stopping });
}
