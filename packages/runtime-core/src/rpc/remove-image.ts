import { quote } from "@keelson/cri-api/errors";
import { RemoveImageRequestSchema } from "@keelson/cri-api/v1";
import { checkText } from "../validation/check-text.ts";
import { namedImage } from "./named-image.ts";
import type { ImageRpc } from "./rpc.ts";

export const removeImage: ImageRpc<"removeImage"> = (core) => async (request, call) => {
  checkText(RemoveImageRequestSchema, request, "");
  call.stage("removing image", quote(request.image?.image ?? ""));
  await core.engine.images.remove(namedImage(request));
  return {};
};
