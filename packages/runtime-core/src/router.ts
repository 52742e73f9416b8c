import type { DescMethodUnary, DescService } from "@bufbuild/protobuf";
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { type CriVersion, criServices, criVersions } from "@keelson/cri-api/versions";
import type { Core } from "./core.ts";
import { containerStatus } from "./rpc/container-status.ts";
import { createContainer } from "./rpc/create-container.ts";
import { execSync } from "./rpc/exec-sync.ts";
import { imageFsInfo } from "./rpc/image-fs-info.ts";
import { imageStatus } from "./rpc/image-status.ts";
import { listContainers } from "./rpc/list-containers.ts";
import { listImages } from "./rpc/list-images.ts";
import { listPodSandbox } from "./rpc/list-pod-sandbox.ts";
import { podSandboxStatus } from "./rpc/pod-sandbox-status.ts";
import { pullImage } from "./rpc/pull-image.ts";
import { removeContainer } from "./rpc/remove-container.ts";
import { removeImage } from "./rpc/remove-image.ts";
import { removePodSandbox } from "./rpc/remove-pod-sandbox.ts";
import type { ImageMethods, ImageRpc, Rpc, RuntimeMethods, RuntimeRpc } from "./rpc/rpc.ts";
import { runPodSandbox } from "./rpc/run-pod-sandbox.ts";
import { runtimeConfig } from "./rpc/runtime-config.ts";
import { type CallCount, serve } from "./rpc/serve.ts";
import { startContainer } from "./rpc/start-container.ts";
import { status } from "./rpc/status.ts";
import { stopContainer } from "./rpc/stop-container.ts";
import { stopPodSandbox } from "./rpc/stop-pod-sandbox.ts";
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
};

const imageRpcs: { readonly [Name in keyof ImageMethods]?: ImageRpc<Name> } = {
  listImages,
  imageStatus,
  pullImage,
  removeImage,
  imageFsInfo,
};

export interface RegisterOptions {
  /** The versions of CRI that are served. Default: all that there are. */
  readonly versions?: readonly CriVersion[];
}

/** Puts a core behind a Connect router: the same handlers for each version, which differs only in its path. */
export function registerCri(router: ConnectRouter, core: Core, options: RegisterOptions = {}): void {
  const count: CallCount = { running: 0 };
  for (const version of options.versions ?? criVersions) {
    const { runtime, image } = criServices[version];
    router.service(runtime, handlers(runtime, runtimeRpcs, core, { version, count }));
    router.service(image, handlers(image, imageRpcs, core, { version, count }));
  }
}

function handlers<Service extends DescService>(
  service: Service,
  rpcs: Readonly<Record<string, unknown>>,
  core: Core,
  options: { readonly version: CriVersion; readonly count: CallCount },
): Partial<ServiceImpl<Service>> {
  const served = service.methods.filter(({ localName }) => Object.hasOwn(rpcs, localName));
  // a record of handlers of different types: each was checked against its method in the tables above
  const entries = served.map((method) => [
    method.localName,
    serve(core, method as DescMethodUnary, rpcs[method.localName] as Rpc<DescMethodUnary>, options),
  ]);
  return Object.fromEntries(entries) as Partial<ServiceImpl<Service>>;
}
