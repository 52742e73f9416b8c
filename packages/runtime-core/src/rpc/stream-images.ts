import { ImageSchema, StreamImagesRequestSchema, StreamImagesResponseSchema } from "@keelson/cri-api/v1";
import { checkText } from "../validation/check-text.ts";
import { inBatches } from "./batches.ts";
import type { ImageStreamRpc } from "./rpc.ts";

export const streamImages: ImageStreamRpc<"streamImages"> = (core) =>
  async function* (request, call) {
    checkText(StreamImagesRequestSchema, request, "");
    call.stage("listing images");
    const images = await core.engine.images.list(request.filter?.image);
    call.stage("sending images");
    yield* inBatches({
      part: StreamImagesResponseSchema,
      item: ImageSchema,
      from: images,
      toItem: (image) => image,
    });
  };
