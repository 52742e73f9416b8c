// What is compared: the fields of ContainerStatus, PodSandboxStatus and Image that have to be equal.
import { isIPv6 } from "node:net";
import { isDeepStrictEqual } from "node:util";
import type { DescEnum } from "@bufbuild/protobuf";
import { ContainerStateSchema, MountPropagationSchema, PodSandboxStateSchema } from "@keelson/cri-api/v1";
import type { Side } from "./side.ts";

/** The columns of the table. */
export const comparedFields = ["state", "reason", "exit code", "image_ref", "mounts", "IPs", "image"] as const;

export type ComparedField = (typeof comparedFields)[number];

export type Told = Readonly<Partial<Record<ComparedField, unknown>>>;

export const ofContainer: readonly ComparedField[] = ["state", "reason", "exit code", "image_ref", "mounts"];
export const ofSandbox: readonly ComparedField[] = ["state", "IPs"];

export async function tellContainer({ cri }: Side, containerId: string): Promise<Told> {
  const { status } = await cri.runtime.containerStatus({ containerId });
  const listed = (await cri.runtime.listContainers({ filter: { id: containerId } })).containers;
  if (status === undefined) throw new Error(`container ${containerId} has no status`);
  return {
    state: {
      status: nameOf(ContainerStateSchema, status.state),
      list: listed.map(({ state }) => nameOf(ContainerStateSchema, state)),
      // times differ; that there is one does not
      started: status.startedAt > 0n,
      finished: status.finishedAt > 0n,
    },
    reason: status.reason,
    "exit code": status.exitCode,
    image_ref: status.imageRef,
    mounts: status.mounts.map(({ hostPath, containerPath, readonly, propagation, selinuxRelabel }) => {
      return {
        hostPath,
        containerPath,
        readonly,
        propagation: nameOf(MountPropagationSchema, propagation),
        selinuxRelabel,
      };
    }),
  };
}

export async function tellSandbox({ cri }: Side, podSandboxId: string): Promise<Told> {
  const { status } = await cri.runtime.podSandboxStatus({ podSandboxId });
  const listed = (await cri.runtime.listPodSandbox({ filter: { id: podSandboxId } })).items;
  if (status === undefined) throw new Error(`sandbox ${podSandboxId} has no status`);
  const { ip = "", additionalIps = [] } = status.network ?? {};
  return {
    state: {
      status: nameOf(PodSandboxStateSchema, status.state),
      list: listed.map(({ state }) => nameOf(PodSandboxStateSchema, state)),
    },
    IPs: [ip, ...additionalIps.map((one) => one.ip)].filter((one) => one !== "").map(family),
  };
}

/** The image that a name means; `image: null` when there is none. */
export async function tellImage({ cri }: Side, name: string): Promise<Told> {
  const { image } = await cri.images.imageStatus({ image: { image: name } });
  const listed = (await cri.images.listImages({})).images.filter(({ id }) => id === image?.id);
  if (image === undefined) return { image: null };
  const { id, repoTags, repoDigests, size, uid, username } = image;
  return { image: { id, repoTags, repoDigests, size, uid: uid?.value, username, listed: listed.length } };
}

/** The fields in which two tell different things. */
export function differences(ours: Told, theirs: Told): readonly ComparedField[] {
  return comparedFields.filter((field) => !isDeepStrictEqual(ours[field], theirs[field]));
}

/** The name of a value in the protocol. */
export function nameOf(type: DescEnum, value: number): string {
  return type.value[value]?.name ?? String(value);
}

const family = (ip: string): string => (isIPv6(ip) ? "IPv6" : "IPv4");
