import { connect, type GlobalOptions } from "../endpoint.ts";
import { pullImage } from "../pod/pull-image.ts";
import { checkImageName } from "./check-image-name.ts";

/** Fetches an image. @returns by what the runtime knows it */
export async function pull(image: string, options: GlobalOptions): Promise<string> {
  checkImageName(image);
  await using cri = await connect(options);
  return await pullImage(cri, image);
}
