import { connectCri } from "../../packages/cri-client/src/index.ts";
import type { Contender } from "./contender.ts";

/** Our own client as anybody opens it: negotiated, with its deadlines, error categories and checks of the request. */
export async function open(socket: string): Promise<Contender> {
  const cri = await connectCri({ runtimeEndpoint: `unix://${socket}` });
  return {
    version: () => cri.runtime.version({}),
    listContainers: async () => (await cri.runtime.listContainers({})).containers.length,
    close: () => cri.close(),
  };
}
