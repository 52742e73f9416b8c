import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type Container,
  type ContainerFilterSchema,
  type ContainerStats,
  type ContainerStatsFilterSchema,
  type Image,
  type ImageFilterSchema,
  ImageService,
  type PodSandbox,
  type PodSandboxFilterSchema,
  type PodSandboxMetrics,
  type PodSandboxStats,
  type PodSandboxStatsFilterSchema,
  RuntimeService,
} from "@keelson/cri-api/v1";
import type { CriClient } from "../call-options.ts";
import type { Channel } from "../channel.ts";
import type { CriMethodName } from "../deadlines.ts";
import { ListFallbacks, type ListOptions, listItems } from "./list-items.ts";

/**
 * The lists of a runtime, item by item in v1's types, whatever the version on the wire. An item is handed out when its
 * part of the list has arrived; nothing waits for the whole list, and leaving the loop cancels the call.
 *
 * Each list is asked for by its streaming method (Stream…, KEP-5825), which has no limit on the size of the whole. A
 * runtime that answers it with Unimplemented is asked by the unary method within the same deadline, and so from then on,
 * until the connection was made anew; `list-fallback` tells it. v1alpha2 has unary lists only.
 *
 * Each iteration of what is returned is a list of its own. It throws a CriError when anything ends it early: what was
 * handed out until then is a part of the list, never taken for the whole.
 * @example
 * ```ts
 * for await (const sandbox of cri.lists.podSandboxes({ labelSelector: { app: "web" } })) console.log(sandbox.id);
 * ```
 */
export interface CriLists {
  podSandboxes(
    filter?: MessageInitShape<typeof PodSandboxFilterSchema>,
    options?: ListOptions,
  ): AsyncIterable<PodSandbox>;
  containers(filter?: MessageInitShape<typeof ContainerFilterSchema>, options?: ListOptions): AsyncIterable<Container>;
  containerStats(
    filter?: MessageInitShape<typeof ContainerStatsFilterSchema>,
    options?: ListOptions,
  ): AsyncIterable<ContainerStats>;
  podSandboxStats(
    filter?: MessageInitShape<typeof PodSandboxStatsFilterSchema>,
    options?: ListOptions,
  ): AsyncIterable<PodSandboxStats>;
  podSandboxMetrics(options?: ListOptions): AsyncIterable<PodSandboxMetrics>;
  images(filter?: MessageInitShape<typeof ImageFilterSchema>, options?: ListOptions): AsyncIterable<Image>;
}

export interface ListsOptions {
  readonly runtime: { readonly channel: Channel; readonly client: CriClient<typeof RuntimeService> };
  readonly images: { readonly channel: Channel; readonly client: CriClient<typeof ImageService> };
  /** How long a list may take that does not say so itself, in milliseconds; of one, by its unary method. Default 120,000. */
  readonly timeoutMs?: number | ((method: CriMethodName) => number);
}

export function createLists({ timeoutMs = 120_000, ...services }: ListsOptions): CriLists {
  const runtime = services.runtime.client;
  const images = services.images.client;
  const ofRuntime = new ListFallbacks(services.runtime.channel, "runtime");
  const ofImages = new ListFallbacks(services.images.channel, "image");
  const limitsOf = (unary: CriMethodName, { signal, timeoutMs: own }: ListOptions = {}) => ({
    signal,
    timeoutMs: own ?? (typeof timeoutMs === "number" ? timeoutMs : timeoutMs(unary)),
  });
  return {
    podSandboxes: (filter, options) =>
      listItems(
        ofRuntime,
        {
          streaming: RuntimeService.method.streamPodSandboxes,
          stream: (limits) => runtime.streamPodSandboxes(filtered(filter), limits),
          itemsOf: (part) => part.podSandboxes,
          unary: async (limits) => (await runtime.listPodSandbox(filtered(filter), limits)).items,
        },
        limitsOf("listPodSandbox", options),
      ),
    containers: (filter, options) =>
      listItems(
        ofRuntime,
        {
          streaming: RuntimeService.method.streamContainers,
          stream: (limits) => runtime.streamContainers(filtered(filter), limits),
          itemsOf: (part) => part.containers,
          unary: async (limits) => (await runtime.listContainers(filtered(filter), limits)).containers,
        },
        limitsOf("listContainers", options),
      ),
    containerStats: (filter, options) =>
      listItems(
        ofRuntime,
        {
          streaming: RuntimeService.method.streamContainerStats,
          stream: (limits) => runtime.streamContainerStats(filtered(filter), limits),
          itemsOf: (part) => part.containerStats,
          unary: async (limits) => (await runtime.listContainerStats(filtered(filter), limits)).stats,
        },
        limitsOf("listContainerStats", options),
      ),
    podSandboxStats: (filter, options) =>
      listItems(
        ofRuntime,
        {
          streaming: RuntimeService.method.streamPodSandboxStats,
          stream: (limits) => runtime.streamPodSandboxStats(filtered(filter), limits),
          itemsOf: (part) => part.podSandboxStats,
          unary: async (limits) => (await runtime.listPodSandboxStats(filtered(filter), limits)).stats,
        },
        limitsOf("listPodSandboxStats", options),
      ),
    podSandboxMetrics: (options) =>
      listItems(
        ofRuntime,
        {
          streaming: RuntimeService.method.streamPodSandboxMetrics,
          stream: (limits) => runtime.streamPodSandboxMetrics({}, limits),
          itemsOf: (part) => part.podSandboxMetrics,
          unary: async (limits) => (await runtime.listPodSandboxMetrics({}, limits)).podMetrics,
        },
        limitsOf("listPodSandboxMetrics", options),
      ),
    images: (filter, options) =>
      listItems(
        ofImages,
        {
          streaming: ImageService.method.streamImages,
          stream: (limits) => images.streamImages(filtered(filter), limits),
          itemsOf: (part) => part.images,
          unary: async (limits) => (await images.listImages(filtered(filter), limits)).images,
        },
        limitsOf("listImages", options),
      ),
  };
}

function filtered<Filter>(filter: Filter | undefined): { filter?: Filter } {
  return filter === undefined ? {} : { filter };
}
