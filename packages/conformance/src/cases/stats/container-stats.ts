import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const containerAttributes: Case = defineCase({
  name: "ContainerStats of a running container names it and tells cpu and memory",
  cites: "runtime.v1 ContainerStats: attributes, cpu, memory",
  covers: [
    "ContainerStatsRequest.container_id",
    "ContainerStats.attributes",
    "ContainerStats.cpu",
    "ContainerStats.memory",
  ],
  async run({ cri, pod }) {
    const c = await pod.start();
    const { stats } = await cri.containerStats({ containerId: c.id });
    expect(stats?.attributes).toMatchObject({ id: c.id, metadata: { name: c.config.metadata?.name } });
    expect(stats?.cpu?.timestamp).toBeGreaterThan(0n);
    expect(stats?.memory?.workingSetBytes?.value).toBeGreaterThan(0n);
  },
});
