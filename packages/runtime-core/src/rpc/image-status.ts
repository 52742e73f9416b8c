import { ImageStatusRequestSchema } from "@keelson/cri-api/v1";
import { checkText } from "../validation/check-text.ts";
import { namedImage } from "./named-image.ts";
import type { ImageRpc } from "./rpc.ts";
import { verboseInfo } from "./verbose-info.ts";

export const imageStatus: ImageRpc<"imageStatus"> = (core) => async (request, call) => {
  checkText(ImageStatusRequestSchema, request, "");
  const spec = namedImage(request);
  call.stage("looking for the image");
  const image = await core.engine.images.status(spec);
  if (image === undefined) return {};
  return { image, info: request.verbose ? verboseInfo({}, await core.engine.images.inspect(spec)) : {} };
};
