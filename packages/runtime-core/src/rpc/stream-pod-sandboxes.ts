import { PodSandboxSchema, StreamPodSandboxesResponseSchema } from "@keelson/cri-api/v1";
import { inBatches } from "./batches.ts";
import { listedSandboxes, sandboxItem } from "./list-pod-sandbox.ts";
import type { RuntimeStreamRpc } from "./rpc.ts";

export const streamPodSandboxes: RuntimeStreamRpc<"streamPodSandboxes"> = (core) =>
  async function* (request) {
    yield* inBatches({
      part: StreamPodSandboxesResponseSchema,
      item: PodSandboxSchema,
      from: listedSandboxes(core, request.filter),
      toItem: sandboxItem,
    });
  };
