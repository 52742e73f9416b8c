import { notFound, quote } from "@keelson/cri-api/errors";
import { connect, type GlobalOptions } from "../endpoint.ts";

export async function rmi(images: readonly string[], options: GlobalOptions): Promise<string> {
  await using cri = await connect(options);
  for (const image of images) {
    const { image: found } = await cri.images.imageStatus({ image: { image } });
    if (found === undefined) {
      throw notFound(`remove image ${quote(image)}: it is not on this node`, { hint: "see keelson images" });
    }
    await cri.images.removeImage({ image: { image } });
  }
  return images.map((image) => `removed ${image}`).join("\n");
}
