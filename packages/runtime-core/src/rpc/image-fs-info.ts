import type { ImageRpc } from "./rpc.ts";

export const imageFsInfo: ImageRpc<"imageFsInfo"> = (core) => async (_request, call) => {
  call.stage("measuring the image file system");
  const { imageFilesystems, containerFilesystems } = await core.engine.images.fsInfo();
  return { imageFilesystems: [...imageFilesystems], containerFilesystems: [...containerFilesystems] };
};
