import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { MountPropagation, type MountSchema } from "@keelson/cri-api/v1";
import type { Scenario } from "./scenario.ts";
import { ofContainer, tellContainer } from "./told.ts";

type Mount = Exclude<MessageInitShape<typeof MountSchema>, { readonly $typeName: string }>;

/** A container with mounts; one that a runtime does not take is told as refused. */
function mounts(name: string, pick: (host: string) => readonly Mount[], privileged = false): Scenario {
  return {
    name: `mounts: ${name}`,
    tells: ofContainer,
    async play(at) {
      const pod = await at.pod({ privileged });
      const options = { extra: { mounts: [...pick(at.host)] }, ...(privileged ? { security: { privileged } } : {}) };
      const id = await at.create(pod, options).catch(() => undefined);
      if (id === undefined) return async () => ({ mounts: "refused" });
      await at.cri.runtime.startContainer({ containerId: id });
      return () => tellContainer(at, id);
    },
  };
}

const { PROPAGATION_PRIVATE, PROPAGATION_HOST_TO_CONTAINER, PROPAGATION_BIDIRECTIONAL } = MountPropagation;

export const mountScenarios: readonly Scenario[] = [
  mounts("none", () => []),
  mounts("folders and a file, some read-only", (host) => [
    { hostPath: join(host, "data"), containerPath: "/rw" },
    { hostPath: join(host, "data"), containerPath: "/ro", readonly: true },
    { hostPath: join(host, "file"), containerPath: "/a/file", readonly: true },
  ]),
  mounts("in the kubelet's places", (host) => [
    { hostPath: join(host, "file"), containerPath: "/etc/hosts" },
    { hostPath: join(host, "file"), containerPath: "/dev/termination-log" },
  ]),
  mounts("paths that are not clean", (host) => [
    { hostPath: `${host}/data/`, containerPath: "/slash/" },
    { hostPath: `${host}/./data`, containerPath: "/up/../here" },
  ]),
  mounts("a source that is a link", (host) => [{ hostPath: join(host, "link"), containerPath: "/linked" }]),
  {
    name: "mounts: a source that is not there",
    tells: ofContainer,
    async play(at) {
      await rm(join(at.host, "not"), { recursive: true, force: true }); // the other one has made it
      const mounts = [{ hostPath: join(at.host, "not/there"), containerPath: "/made" }];
      const id = await at.start(await at.pod(), { extra: { mounts } });
      return () => tellContainer(at, id);
    },
  },
  mounts("private and from the host", (host) => [
    { hostPath: join(host, "data"), containerPath: "/private", propagation: PROPAGATION_PRIVATE },
    { hostPath: join(host, "shared"), containerPath: "/slave", propagation: PROPAGATION_HOST_TO_CONTAINER },
  ]),
  mounts(
    "both ways, privileged",
    (host) => [{ hostPath: join(host, "shared"), containerPath: "/both", propagation: PROPAGATION_BIDIRECTIONAL }],
    true,
  ),
  mounts("from the host, where that is not shared", (host) => [
    { hostPath: join(host, "private"), containerPath: "/slave", propagation: PROPAGATION_HOST_TO_CONTAINER },
  ]),
  mounts("of SELinux, on a host without it", (host) => [
    { hostPath: join(host, "data"), containerPath: "/relabelled", selinuxRelabel: true },
  ]),
  {
    name: "mounts: a path in the container that is not absolute",
    tells: ["mounts"],
    async play(at) {
      const pod = await at.pod();
      const mount = { hostPath: join(at.host, "data"), containerPath: "relative" };
      const taken = await at.create(pod, { extra: { mounts: [mount] } }).then(
        () => true,
        () => false,
      );
      return async () => ({ mounts: taken ? "taken" : "refused" });
    },
    exception: {
      fields: ["mounts"],
      why: "refused, as the OCI specification has it: a destination must be absolute; containerd takes it for one below `/`. The kubelet sends absolute ones",
    },
  },
  {
    name: "mounts: volumes of the image",
    tells: ofContainer,
    async play(at) {
      const image = at.images.volumes;
      await at.cri.images.pullImage({ image: { image } });
      const id = await at.start(await at.pod(), { image });
      return () => tellContainer(at, id);
    },
  },
  {
    name: "mounts: a device",
    tells: ofContainer,
    async play(at) {
      const devices = [{ containerPath: "/dev/zero2", hostPath: "/dev/zero", permissions: "rwm" }];
      const id = await at.start(await at.pod(), { extra: { devices } });
      return () => tellContainer(at, id);
    },
  },
];
