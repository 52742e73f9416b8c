import { ContainerEventType } from "@keelson/cri-api/v1";
import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { exit } from "../../program/program.ts";

export const eachTransition: Case = defineCase({
  name: "GetContainerEvents tells of a container's creation, start and end, in this order",
  cites: "runtime.v1 GetContainerEvents, ContainerEventType; KEP-3386",
  covers: ["ContainerEventResponse.container_id", "ContainerEventResponse.container_event_type"],
  async run({ cri, pod, signal }) {
    await pod.run();
    const seen: [string, ContainerEventType][] = [];
    const c = Promise.withResolvers<string>();
    const follow = async (): Promise<void> => {
      for await (const { containerId, containerEventType } of cri.getContainerEvents({}, { signal })) {
        seen.push([containerId, containerEventType]);
        if (containerId === (await c.promise) && containerEventType === ContainerEventType.CONTAINER_STOPPED_EVENT)
          return;
      }
    };
    const following = follow();
    following.catch(() => undefined); // told where it is awaited
    // a stream that is open says nothing: its first event does
    const container = await pod.start({ program: exit(0) });
    c.resolve(container.id);
    await following;
    const types = seen.filter(([id]) => id === container.id).map(([, type]) => type);
    expect(types).toEqual([
      ContainerEventType.CONTAINER_CREATED_EVENT,
      ContainerEventType.CONTAINER_STARTED_EVENT,
      ContainerEventType.CONTAINER_STOPPED_EVENT,
    ]);
  },
});
