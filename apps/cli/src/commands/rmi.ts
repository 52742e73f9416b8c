import { notFound, quote } from "@keelson/cri-api/errors";
import { connect, type GlobalOptions } from "../endpoint.ts";

/** Removes images with all of their names, and tells each as it goes. Nothing is removed when one is not there. */
export async function* rmi(images: readonly string[], options: GlobalOptions): AsyncGenerator<string> {
  await using cri = await connect(options);
  for (const image of images) {
    const { image: found } = await cri.images.imageStatus({ image: { image } });
    if (found !== undefined) continue;
    throw notFound(`remove image ${quote(image)}: it is not on this node`, { hint: "keelson images shows what is" });
  }
  for (const image of images) {
    await cri.images.removeImage({ image: { image } });
    yield `removed ${image}`;
  }
}
