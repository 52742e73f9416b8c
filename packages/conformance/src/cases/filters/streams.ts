import { PodSandboxState } from "@keelson/cri-api/v1";
import { expect, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

/** All items of a stream's parts. A part without an item is none. */
async function collect<Part, Item>(
  parts: AsyncIterable<Part>,
  itemsOf: (part: Part) => readonly Item[],
): Promise<readonly Item[]> {
  const all: Item[] = [];
  for await (const part of parts) {
    const items = itemsOf(part);
    if (items.length === 0) fail("a part of the stream has no item");
    all.push(...items);
  }
  return all;
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);

export const streamedSandboxes: Case = defineCase({
  name: "StreamPodSandboxes has what ListPodSandbox has by the same filter, each sandbox once",
  cites: "runtime.v1 StreamPodSandboxes: at least one item in each message, each item once; KEP-5825",
  covers: ["StreamPodSandboxesRequest.filter", "StreamPodSandboxesResponse.pod_sandboxes"],
  async run({ cri, anotherPod, unique }) {
    const pods = Array.from({ length: 3 }, () => anotherPod({ config: { labels: { unique } } }));
    await Promise.all(pods.map((pod) => pod.run()));
    await pods[0]?.stop();
    const filter = { labelSelector: { unique }, state: { state: PodSandboxState.SANDBOX_READY } };
    const streamed = await collect(cri.streamPodSandboxes({ filter }), (part) => part.podSandboxes);
    expect(streamed).toHaveLength(2);
    expect(streamed.toSorted(byId)).toEqual((await cri.listPodSandbox({ filter })).items.toSorted(byId));
    const all = await collect(cri.streamPodSandboxes({}), (part) => part.podSandboxes);
    expect(all.filter(({ labels }) => labels.unique === unique)).toHaveLength(3);
  },
});

export const streamedContainers: Case = defineCase({
  name: "StreamContainers has what ListContainers has by the same filter, each container once",
  cites: "runtime.v1 StreamContainers: by the rules of StreamPodSandboxes; KEP-5825",
  covers: ["StreamContainersRequest.filter", "StreamContainersResponse.containers"],
  async run({ cri, pod, anotherPod }) {
    for (const where of [pod, pod, pod, anotherPod()]) await where.create();
    const filter = { podSandboxId: pod.id };
    const streamed = await collect(cri.streamContainers({ filter }), (part) => part.containers);
    expect(streamed).toHaveLength(3);
    expect(streamed.toSorted(byId)).toEqual((await cri.listContainers({ filter })).containers.toSorted(byId));
    const all = await collect(cri.streamContainers({}), (part) => part.containers);
    expect(all.filter(({ podSandboxId }) => podSandboxId === pod.id)).toHaveLength(3);
  },
});

export const streamedImages: Case = defineCase({
  name: "StreamImages has what ListImages has by the same filter, each image once",
  cites: "runtime.v1 StreamImages: by the rules of StreamPodSandboxes; KEP-5825",
  covers: ["StreamImagesRequest.filter", "StreamImagesResponse.images"],
  async run({ cri, image, images }) {
    await cri.pullImage({ image: { image: images.userNumber } }); // so that there is another one
    const filter = { image: { image } };
    const streamed = await collect(cri.streamImages({ filter }), (part) => part.images);
    expect(streamed).toHaveLength(1);
    expect(streamed).toEqual((await cri.listImages({ filter })).images);
    const all = (await collect(cri.streamImages({}), (part) => part.images)).map(({ id }) => id);
    expect(all).toContain(streamed[0]?.id);
    expect(new Set(all).size).toBe(all.length);
  },
});

export const streamedNothing: Case = defineCase({
  name: "a stream of a list with nothing in it ends with OK, without a part",
  cites:
    "runtime.v1 StreamPodSandboxes: each message holds at least one item; the list is complete when it ends with OK",
  covers: ["StreamContainersRequest.filter", "StreamPodSandboxesRequest.filter"],
  async run({ cri, pod, unique }) {
    const c = await pod.create();
    const filter = { labelSelector: { unique } };
    expect(await collect(cri.streamContainers({ filter }), (part) => part.containers)).toEqual([]);
    expect(await collect(cri.streamPodSandboxes({ filter }), (part) => part.podSandboxes)).toEqual([]);
    const one = await collect(cri.streamContainers({ filter: { id: c.id } }), (part) => part.containers);
    expect(one).toMatchObject([{ id: c.id }]);
  },
});
