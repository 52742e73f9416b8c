import { connect, type GlobalOptions } from "../endpoint.ts";
import { elapsed } from "../output/elapsed.ts";
import { checkImageName } from "./image-name.ts";

/** Fetches an image. @returns by what the runtime knows it */
export async function pull(image: string, options: GlobalOptions): Promise<string> {
  checkImageName(image);
  await using cri = await connect(options);
  const { imageRef } = await elapsed(`pull ${image}`, () => cri.images.pullImage({ image: { image } }));
  return imageRef;
}
