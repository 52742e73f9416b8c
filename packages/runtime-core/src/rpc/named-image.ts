import { invalidArgument } from "@keelson/cri-api/errors";
import type { ImageSpec } from "@keelson/cri-api/v1";

/**
 * The image that a request names.
 * @throws INVALID_ARGUMENT when it names none
 */
export function namedImage(request: { readonly image?: ImageSpec | undefined }): ImageSpec {
  const { image } = request;
  if (image === undefined || image.image === "") throw invalidArgument("image.image is empty");
  return image;
}
