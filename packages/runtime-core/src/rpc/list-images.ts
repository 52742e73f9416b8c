import { ListImagesRequestSchema } from "@keelson/cri-api/v1";
import { checkText } from "../validation/check-text.ts";
import type { ImageRpc } from "./rpc.ts";

export const listImages: ImageRpc<"listImages"> = (core) => async (request, call) => {
  checkText(ListImagesRequestSchema, request, "");
  call.stage("listing images");
  return { images: [...(await core.engine.images.list(request.filter?.image))] };
};
