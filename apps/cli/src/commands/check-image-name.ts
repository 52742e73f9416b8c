import { invalidArgument } from "@keelson/cri-api/errors";
import { parseReference } from "@keelson/image-store/reference";

/**
 * Looks at a name before anybody is asked for it.
 * @throws INVALID_ARGUMENT; what looks like a URL is not repeated, for it may hold a password
 */
export function checkImageName(image: string): void {
  if (image.includes("://")) {
    throw invalidArgument("read the image's name: it is a URL", {
      hint: "write it without the scheme: registry.example/name:tag",
    });
  }
  parseReference(image);
}
