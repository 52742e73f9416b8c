import type { DescMethod, Message } from "@bufbuild/protobuf";
import type {
  ContainerConfig,
  CreateContainerRequest,
  PodSandboxConfig,
  RestorePodRequest,
  RunPodSandboxRequest,
} from "@keelson/cri-api/v1";

/** From a request to something in it: names of properties and indexes of lists. */
export type Path = readonly (string | number)[];

/** A configuration of a pod or a container in a request, and where it lies. */
export type Place =
  | { readonly kind: "pod"; readonly path: Path; readonly config: PodSandboxConfig }
  | { readonly kind: "container"; readonly path: Path; readonly config: ContainerConfig };

export interface Places {
  readonly places: readonly Place[];
  /** Undefined where the request names none. */
  readonly handler: string | undefined;
}

const none: Places = { places: [], handler: undefined };

/**
 * The configurations that a request lets a runtime act upon. PullImage carries a pod's configuration too, which says only
 * for whom the image is.
 */
export function findPlaces(method: DescMethod, request: Message): Places {
  switch (method.name) {
    case "RunPodSandbox": {
      const { config, runtimeHandler } = request as RunPodSandboxRequest;
      return { places: config === undefined ? [] : [pod(["config"], config)], handler: runtimeHandler };
    }
    case "CreateContainer": {
      const { config, sandboxConfig } = request as CreateContainerRequest;
      const places: Place[] = [];
      if (config !== undefined) places.push({ kind: "container", path: ["config"], config });
      if (sandboxConfig !== undefined) places.push(pod(["sandboxConfig"], sandboxConfig));
      return { places, handler: undefined };
    }
    case "RestorePod": {
      const { config, containerConfigs, runtimeHandler } = request as RestorePodRequest;
      const places: Place[] = config === undefined ? [] : [pod(["config"], config)];
      for (const [index, container] of containerConfigs.entries()) {
        places.push({ kind: "container", path: ["containerConfigs", index], config: container });
      }
      return { places, handler: runtimeHandler };
    }
    default:
      return none;
  }
}

function pod(path: Path, config: PodSandboxConfig): Place {
  return { kind: "pod", path, config };
}
