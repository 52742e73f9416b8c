import { expect, expectFailure } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const sandboxWithout: Case = defineCase({
  name: "RunPodSandbox without config, metadata, uid, namespace or name is InvalidArgument, which names the field",
  cites: "runtime.v1 RunPodSandbox: InvalidArgument, the configuration is wrong",
  covers: ["RunPodSandboxRequest.config", "PodSandboxConfig.metadata", "PodSandboxMetadata.uid"],
  async run({ cri, pod, unique }) {
    const { $typeName: _, ...config } = pod.config;
    const metadata = { name: unique, uid: unique, namespace: "conformance", attempt: 0 };
    const refuse = (request: Parameters<typeof cri.runPodSandbox>[0], field: RegExp) =>
      expectFailure(cri.runPodSandbox(request), "INVALID_ARGUMENT", field);
    await refuse({}, /config/);
    const { metadata: __, ...nameless } = config;
    await refuse({ config: nameless }, /metadata/);
    await refuse({ config: { ...config, metadata: { ...metadata, uid: "" } } }, /uid/);
    await refuse({ config: { ...config, metadata: { ...metadata, namespace: "" } } }, /namespace/);
    await refuse({ config: { ...config, metadata: { ...metadata, name: "" } } }, /name/);
    const { items } = await cri.listPodSandbox({});
    expect(items.filter((one) => one.metadata?.uid === unique || one.metadata?.name === unique)).toEqual([]);
  },
});

export const containerWithout: Case = defineCase({
  name: "CreateContainer without config, metadata, name or image is InvalidArgument, which names the field",
  cites: "runtime.v1 CreateContainer: InvalidArgument, the configuration is wrong",
  covers: ["CreateContainerRequest.config", "ContainerConfig.metadata"],
  async run({ cri, pod }) {
    const podSandboxId = await pod.run();
    const common = { podSandboxId, sandboxConfig: pod.config };
    const { $typeName: _, ...config } = pod.container();
    const refuse = (request: Parameters<typeof cri.createContainer>[0], field: RegExp) =>
      expectFailure(cri.createContainer(request), "INVALID_ARGUMENT", field);
    await refuse(common, /config/);
    const { metadata: __, ...nameless } = config;
    await refuse({ ...common, config: nameless }, /metadata/);
    await refuse({ ...common, config: { ...config, metadata: { name: "", attempt: 0 } } }, /name/);
    const { image: ___, ...imageless } = config;
    await refuse({ ...common, config: imageless }, /image/);
    await refuse({ ...common, config: { ...config, image: { image: "" } } }, /image/);
    expect((await cri.listContainers({ filter: { podSandboxId } })).containers).toEqual([]);
  },
});

export const logPathThatClimbs: Case = defineCase({
  name: "CreateContainer with a log path that leads out of the log directory is refused, and no file is there",
  cites: "runtime.v1 ContainerConfig.log_path: relative to log_directory; CVE-2020-2024-like escapes",
  covers: ["ContainerConfig.log_path"],
  async run({ cri, pod, unique }) {
    const podSandboxId = await pod.run();
    const { $typeName: _, ...config } = pod.container();
    for (const logPath of [`../${unique}.log`, `a/../../${unique}.log`, `/../${unique}.log`]) {
      const request = { podSandboxId, sandboxConfig: pod.config, config: { ...config, logPath } };
      await expectFailure(cri.createContainer(request), "INVALID_ARGUMENT", /log_path/);
    }
    expect((await cri.listContainers({ filter: { podSandboxId } })).containers).toEqual([]);
  },
});

export const execOfNothing: Case = defineCase({
  name: "ExecSync without a command is InvalidArgument",
  cites: "runtime.v1 ExecSync: InvalidArgument, no command",
  covers: [],
  async run({ cri, pod }) {
    const c = await pod.start();
    await expectFailure(cri.execSync({ containerId: c.id, cmd: [], timeout: 5n }), "INVALID_ARGUMENT");
  },
});

export const ambiguousId: Case = defineCase({
  name: "the beginning of two IDs is InvalidArgument, and the message names both",
  cites: "runtime.v1 RuntimeService: an unambiguous beginning; InvalidArgument, the request can't be right",
  covers: ["ContainerStatusRequest.container_id"],
  async run({ cri, pod }) {
    const ids: string[] = [];
    let two: readonly string[] = [];
    while (two.length < 2) {
      const { id } = await pod.create();
      ids.push(id);
      two = ids.filter((one) => one.startsWith(id.slice(0, 1)));
    }
    const containerId = two[0]?.slice(0, 1) ?? "";
    const named = new RegExp(`${containerId}[0-9a-f]{63}.*${containerId}[0-9a-f]{63}`);
    await expectFailure(cri.containerStatus({ containerId }), "INVALID_ARGUMENT", named);
  },
});

export const emptyId: Case = defineCase({
  name: "an empty ID is InvalidArgument, which names the field",
  cites: "runtime.v1 RuntimeService: InvalidArgument, the request can't be right, whatever the state",
  covers: [],
  async run({ cri }) {
    await expectFailure(cri.containerStatus({ containerId: "" }), "INVALID_ARGUMENT", /container_id/);
    await expectFailure(cri.podSandboxStatus({ podSandboxId: "" }), "INVALID_ARGUMENT", /pod_sandbox_id/);
    await expectFailure(cri.startContainer({ containerId: "" }), "INVALID_ARGUMENT", /container_id/);
  },
});

export const notAnImage: Case = defineCase({
  name: "PullImage of what is no reference is refused, and nothing is pulled",
  cites: "OCI distribution specification: names of repositories; runtime.v1 PullImage",
  covers: [],
  async run({ cri }) {
    for (const image of ["", "UPPER/case:1", "a b", "busybox@sha256:short"]) {
      await expectFailure(cri.pullImage({ image: { image } }), ["INVALID_ARGUMENT", "UNKNOWN", "NOT_FOUND"]);
    }
    await expectFailure(cri.pullImage({}), ["INVALID_ARGUMENT", "UNKNOWN", "NOT_FOUND"]);
  },
});
