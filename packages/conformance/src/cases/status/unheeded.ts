import { join } from "node:path";
import { expect, expectRefusal, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const whatTheSandboxIs: Case = defineCase({
  name: "CreateContainer goes by what RunPodSandbox got, whatever it is told of the sandbox again",
  cites: "runtime.v1 CreateContainerRequest.sandbox_config: sent again so that a runtime need not keep it",
  covers: [],
  async run({ cri, pod, unique }) {
    const podSandboxId = await pod.run();
    const { $typeName: _, ...config } = pod.config;
    const { $typeName: __, ...linux } = pod.config.linux ?? { $typeName: "" };
    const { $typeName: ___, ...security } = pod.config.linux?.securityContext ?? { $typeName: "" };
    const other = {
      ...config,
      logDirectory: join(pod.config.logDirectory, unique),
      linux: { ...linux, securityContext: { ...security, privileged: true } },
    };
    // no rights are to be had by it
    const privileged = pod.container({ security: { privileged: true } });
    await expectRefusal(cri.createContainer({ podSandboxId, config: privileged, sandboxConfig: other }), /privileged/);
    expect((await cri.listContainers({ filter: { podSandboxId } })).containers).toEqual([]);
    for (const sandbox of [{ sandboxConfig: other }, {}]) {
      const container = pod.container();
      const { containerId } = await cri.createContainer({ podSandboxId, config: container, ...sandbox });
      const { status } = await cri.containerStatus({ containerId });
      expect(status?.logPath).toBe(join(pod.config.logDirectory, container.logPath));
    }
  },
});

export const annotationsOfAnUpdate: Case = defineCase({
  name: "annotations of UpdateContainerResources do not become the container's, and its limits are set",
  cites: "runtime.v1 UpdateContainerResourcesRequest.annotations: further values for runtimes that know them",
  covers: [],
  async run({ cri, pod, unique }) {
    const annotations = { "example.com/of-the-container": "stays" };
    const c = await pod.start({ resources: { cpuShares: 2048n }, config: { annotations } });
    const further = { "example.com/of-the-update": unique };
    const linux = { cpuShares: 512n };
    await expectSuccess(cri.updateContainerResources({ containerId: c.id, linux, annotations: further }));
    const status = await c.status();
    expect(status.annotations).toEqual(annotations);
    expect(status.resources?.linux?.cpuShares).toBe(512n);
  },
});
