import { ContainerState } from "@keelson/cri-api/v1";
import { expect, expectSuccess, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { exit } from "../../program/program.ts";

export const containerAsAsked: Case = defineCase({
  name: "ContainerStatus and ListContainers have metadata, labels and annotations as they were asked for",
  cites: "runtime.v1 ContainerStatus, Container: annotations as they came, unchanged",
  covers: [
    "ContainerStatusResponse.status",
    "ContainerConfig.metadata",
    "ContainerConfig.labels",
    "ContainerConfig.annotations",
    "ContainerStatus.id",
    "ContainerStatus.metadata",
    "ContainerStatus.labels",
    "ContainerStatus.annotations",
    "Container.metadata",
    "Container.labels",
    "Container.annotations",
    "Container.created_at",
  ],
  critest: [
    "[k8s.io] Container runtime should support basic operations on container runtime should support preserving container attributes [Conformance]",
  ],
  async run({ cri, pod, unique }) {
    const asked = {
      labels: { unique, empty: "" },
      annotations: { "example.com/note": " as written\t", __proto__x: "y" },
    };
    const c = await pod.create({ name: "named", attempt: 3, config: asked });
    const status = await c.status();
    expect(status).toMatchObject({ id: c.id, metadata: { name: "named", attempt: 3 } });
    expect({ labels: status.labels, annotations: status.annotations }).toEqual(asked);
    const { containers } = await cri.listContainers({ filter: { id: c.id } });
    expect(containers).toMatchObject([{ metadata: { name: "named", attempt: 3 }, createdAt: status.createdAt }]);
    const [one] = containers;
    expect({ labels: one?.labels, annotations: one?.annotations }).toEqual(asked);
  },
});

export const reasons: Case = defineCase({
  name: "the reason of an exited container is Completed for exit code 0, and Error for another",
  cites: "runtime.v1 ContainerStatus.reason: Completed (exit code 0), Error (another)",
  covers: ["ContainerStatus.reason", "ContainerStatus.exit_code"],
  async run({ pod }) {
    const [good, bad] = [await pod.start({ program: exit(0) }), await pod.start({ program: exit(255) })];
    expect(await good.until("exited")).toMatchObject({ exitCode: 0, reason: "Completed" });
    expect(await bad.until("exited")).toMatchObject({ exitCode: 255, reason: "Error" });
  },
});

export const imageOfAContainer: Case = defineCase({
  name: "a container that was created by its image's ID tells the image's name, its digest and its ID",
  cites: "runtime.v1 ContainerStatus: image, image_ref, image_id, which is the same as Image.id",
  covers: [
    "ImageSpec.image",
    "ImageSpec.user_specified_image",
    "ContainerStatus.image",
    "ContainerStatus.image_ref",
    "Container.image",
    "Container.image_ref",
  ],
  async run({ cri, pod, image }) {
    const found = (await expectSuccess(cri.imageStatus({ image: { image } }))).image ?? fail("the image is not there");
    const c = await pod.create({ config: { image: { image: found.id, userSpecifiedImage: image } } });
    const status = await c.status();
    expect(found.repoTags).toContain(status.image?.image);
    expect(found.repoDigests).toContain(status.imageRef);
    const { containers } = await cri.listContainers({ filter: { id: c.id } });
    const [listed] = containers;
    expect([found.id, image]).toContain(listed?.image?.image);
    expect([found.id, ...found.repoDigests]).toContain(listed?.imageRef);
  },
});

export const imageIdOfAContainer: Case = defineCase({
  name: "ContainerStatus and ListContainers tell the ID of the image that a container was made from",
  cites: "runtime.v1 ContainerStatus.image_id, Container.image_id: the kubelet keeps images that a container names so",
  covers: ["ContainerStatus.image_id", "Container.image_id"],
  async run({ cri, pod, image }) {
    const id = (await cri.imageStatus({ image: { image } })).image?.id;
    const c = await pod.create();
    expect((await c.status()).imageId).toBe(id);
    const { containers } = await cri.listContainers({ filter: { id: c.id } });
    expect(containers).toMatchObject([{ imageId: id }]);
  },
});

export const verboseContainer: Case = defineCase({
  name: "a verbose ContainerStatus has JSON with process ID, sandbox and runtime specification, a plain one has none",
  cites: 'runtime.v1 ContainerStatusResponse.info: JSON under "info"; agents read pid, sandboxID and runtimeSpec',
  covers: ["ContainerStatusRequest.verbose", "ContainerStatusResponse.info"],
  async run({ cri, pod, target }) {
    const c = await pod.start();
    const info = await c.info();
    expect(info.sandboxID).toBe(pod.id);
    expect(typeof info.pid).toBe("number");
    if (target.has.includes("inside")) {
      expect(info.pid as number).toBeGreaterThan(1);
      expect(info.runtimeSpec).toMatchObject({ ociVersion: /./, process: { args: c.config.command } });
    }
    expect((await cri.containerStatus({ containerId: c.id })).info).toEqual({});
  },
});

export const verboseSandbox: Case = defineCase({
  name: "a verbose PodSandboxStatus has JSON with the sandbox's configuration, a plain one has none",
  cites: 'runtime.v1 PodSandboxStatusResponse.info: JSON under "info"',
  covers: ["PodSandboxStatusRequest.verbose", "PodSandboxStatusResponse.info"],
  async run({ cri, pod }) {
    const podSandboxId = await pod.run();
    const { info } = await cri.podSandboxStatus({ podSandboxId, verbose: true });
    const { config } = JSON.parse(info.info ?? fail("there is no `info`")) as { readonly config?: unknown };
    expect(config).toMatchObject({ metadata: { name: pod.name, uid: pod.config.metadata?.uid } });
    expect((await cri.podSandboxStatus({ podSandboxId })).info).toEqual({});
  },
});

export const noLog: Case = defineCase({
  name: "a container without a log path has no log, and runs",
  cites: 'runtime.v1 ContainerConfig.log_path: "" is no log; ContainerStatus.log_path',
  covers: [],
  async run({ pod }) {
    const c = await pod.start({ config: { logPath: "" } });
    expect(await c.status()).toMatchObject({ state: ContainerState.CONTAINER_RUNNING, logPath: "" });
  },
});
