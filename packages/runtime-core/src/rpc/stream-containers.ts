import { ContainerSchema, StreamContainersResponseSchema } from "@keelson/cri-api/v1";
import { inBatches } from "./batches.ts";
import { containerItem, listedContainers } from "./list-containers.ts";
import type { RuntimeStreamRpc } from "./rpc.ts";

export const streamContainers: RuntimeStreamRpc<"streamContainers"> = (core) =>
  async function* (request) {
    yield* inBatches({
      part: StreamContainersResponseSchema,
      item: ContainerSchema,
      from: listedContainers(core, request.filter),
      toItem: containerItem,
    });
  };
