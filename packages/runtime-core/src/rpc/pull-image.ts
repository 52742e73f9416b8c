import { PullImageRequestSchema } from "@keelson/cri-api/v1";
import { checkText } from "../validation/check-text.ts";
import { namedImage } from "./named-image.ts";
import type { ImageRpc } from "./rpc.ts";

export const pullImage: ImageRpc<"pullImage"> = (core) => async (request, call) => {
  checkText(PullImageRequestSchema, request, "");
  const image = namedImage(request);
  const { id } = await core.pulls.run({ image, auth: request.auth, sandbox: request.sandboxConfig }, call);
  return { imageRef: id };
};
