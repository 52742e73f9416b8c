import { CriError, isCriError } from "@keelson/cri-api/errors";
import type { CriConnection } from "@keelson/cri-client";
import { elapsed } from "../output/elapsed.ts";

/**
 * Pulls an image, showing how long it takes.
 * @returns by what the runtime knows it
 */
export async function pullImage(cri: CriConnection, image: string, signal?: AbortSignal): Promise<string> {
  return await elapsed(`pull ${image}`, async () => {
    try {
      const { imageRef } = await cri.images.pullImage({ image: { image } }, signal === undefined ? {} : { signal });
      return imageRef;
    } catch (error) {
      // a runtime of ours has said it itself, in parentheses
      if (!isCriError(error, "NOT_FOUND") || error.message.endsWith(")")) throw error;
      throw new CriError(error.code, error.message, { cause: error, hint: "check the image's name and its tag" });
    }
  });
}
