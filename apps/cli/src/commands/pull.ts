import { connect, type GlobalOptions } from "../endpoint.ts";
import { elapsed } from "../output/elapsed.ts";
import { printableLine } from "../output/printable.ts";

export async function pull(image: string, options: GlobalOptions): Promise<string> {
  await using cri = await connect(options);
  const { imageRef } = await elapsed(`pull ${printableLine(image)}`, () => cri.images.pullImage({ image: { image } }));
  return imageRef;
}
