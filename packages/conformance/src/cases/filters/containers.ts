import { ContainerState } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { exit } from "../../program/program.ts";
import { ambiguousPrefix } from "../identifiers/ambiguous-prefix.ts";

export const containersBySandbox: Case = defineCase({
  name: "ListContainers by sandbox has that pod's containers and no others",
  cites: "runtime.v1 ContainerFilter: pod_sandbox_id",
  covers: ["ContainerFilter.pod_sandbox_id"],
  async run({ cri, pod, anotherPod }) {
    const [mine] = await Promise.all([pod.create(), anotherPod().create()]);
    const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    expect(containers).toMatchObject([{ id: mine.id, podSandboxId: pod.id }]);
  },
});

export const containerById: Case = defineCase({
  name: "ListContainers by ID has that container alone, also by the beginning of its ID and of its sandbox's",
  cites: "runtime.v1 ContainerFilter: the ID, or the beginning of one",
  covers: ["ListContainersRequest.filter", "ContainerFilter.id"],
  async run({ cri, pod }) {
    const [mine] = [await pod.create(), await pod.create()];
    const { containers } = await cri.listContainers({ filter: { id: mine.id } });
    expect(containers.map(({ id }) => id)).toEqual([mine.id]);
    const filter = { id: mine.id.slice(0, 24), podSandboxId: pod.id.slice(0, 24) };
    const begun = await cri.listContainers({ filter });
    expect(begun.containers.map(({ id }) => id)).toEqual([mine.id]);
  },
});

export const containersByAmbiguousId: Case = defineCase({
  name: "ListContainers by the beginning of two IDs has neither",
  cites: "containerd: a filter by an ID that is not found, also as it is ambiguous, passes nothing",
  covers: ["ContainerFilter.id"],
  async run({ cri, pod }) {
    const ids: string[] = [];
    while (ambiguousPrefix(ids) === undefined) ids.push((await pod.create()).id);
    const listed = async (id: string) =>
      (await cri.listContainers({ filter: { id } })).containers.map((container) => container.id);
    expect(await listed(ambiguousPrefix(ids) ?? "")).toEqual([]);
    const [whole = ""] = ids;
    expect(await listed(whole)).toEqual([whole]);
  },
});

export const containersByState: Case = defineCase({
  name: "ListContainers by state has those in that state, CREATED too, whose number is 0",
  cites: "runtime.v1 ContainerStateValue: a filter for CREATED is not the same as no filter",
  covers: ["ContainerFilter.state", "ContainerStateValue.state"],
  async run({ cri, pod }) {
    const [created, running, exited] = [await pod.create(), await pod.start(), await pod.start({ program: exit(0) })];
    await exited.until("exited");
    const listed = async (state: ContainerState) => {
      const filter = { podSandboxId: pod.id, state: { state } };
      return (await cri.listContainers({ filter })).containers.map(({ id }) => id);
    };
    expect(await listed(ContainerState.CONTAINER_CREATED)).toEqual([created.id]);
    expect(await listed(ContainerState.CONTAINER_RUNNING)).toEqual([running.id]);
    expect(await listed(ContainerState.CONTAINER_EXITED)).toEqual([exited.id]);
    expect(await listed(ContainerState.CONTAINER_UNKNOWN)).toEqual([]);
  },
});

export const containersByLabels: Case = defineCase({
  name: "ListContainers by labels has those with all of them and exactly these values",
  cites: "runtime.v1 ContainerFilter.label_selector: must be there with exactly these values; annotations do not count",
  covers: ["ContainerFilter.label_selector", "ContainerConfig.labels"],
  async run({ cri, pod, unique }) {
    const one = await pod.create({ config: { labels: { unique, tier: "front", empty: "" } } });
    const other = await pod.create({ config: { labels: { unique, tier: "frontier" } } });
    await pod.create({ config: { labels: { tier: "front" }, annotations: { unique } } });
    const listed = async (labelSelector: Record<string, string>) =>
      (await cri.listContainers({ filter: { labelSelector } })).containers.map(({ id }) => id).toSorted();
    expect(await listed({ unique })).toEqual([one.id, other.id].toSorted());
    expect(await listed({ unique, tier: "front" })).toEqual([one.id]);
    expect(await listed({ unique, empty: "" })).toEqual([one.id]);
    expect(await listed({ unique, tier: "" })).toEqual([]);
  },
});

export const allMustHold: Case = defineCase({
  name: "ListContainers with several fields set has what all of them let pass",
  cites: "runtime.v1 ContainerFilter: what is set must all hold",
  covers: [
    "ContainerFilter.id",
    "ContainerFilter.state",
    "ContainerFilter.pod_sandbox_id",
    "ContainerFilter.label_selector",
  ],
  async run({ cri, pod, anotherPod, unique }) {
    const c = await pod.start({ config: { labels: { unique } } });
    const all = {
      id: c.id,
      podSandboxId: pod.id,
      state: { state: ContainerState.CONTAINER_RUNNING },
      labelSelector: { unique },
    };
    const listed = async (filter: object) => (await cri.listContainers({ filter })).containers.map(({ id }) => id);
    expect(await listed(all)).toEqual([c.id]);
    expect(await listed({ ...all, state: { state: ContainerState.CONTAINER_EXITED } })).toEqual([]);
    expect(await listed({ ...all, podSandboxId: await anotherPod().run() })).toEqual([]);
    expect(await listed({ ...all, labelSelector: { unique, more: "" } })).toEqual([]);
    expect(await listed({ ...all, id: (await pod.create()).id })).toEqual([]);
  },
});

export const noFilter: Case = defineCase({
  name: "ListContainers without a filter and with an empty one has every container, in every state",
  cites: 'runtime.v1 ListContainersRequest.filter: unset passes all; ContainerFilter.id: "" passes all',
  covers: ["ListContainersResponse.containers"],
  async run({ cri, pod, anotherPod }) {
    const mine = [await pod.create(), await pod.start(), await anotherPod().create()].map(({ id }) => id);
    for (const request of [{}, { filter: {} }, { filter: { id: "", podSandboxId: "" } }]) {
      const listed = (await cri.listContainers(request)).containers.map(({ id }) => id);
      expect(mine.filter((id) => !listed.includes(id))).toEqual([]);
      expect(new Set(listed).size).toBe(listed.length);
    }
  },
});

export const nothingMatches: Case = defineCase({
  name: "a list by an ID, a sandbox or a label that is not there is empty, and no error",
  cites: "runtime.v1 ContainerFilter, PodSandboxFilter: an unknown one passes none and is no error",
  covers: ["ContainerFilter.id", "ContainerFilter.pod_sandbox_id", "PodSandboxFilter.id"],
  async run({ cri, pod, unique }) {
    await pod.create();
    const unknown = "0".repeat(64);
    for (const filter of [{ id: unknown }, { podSandboxId: unknown }, { labelSelector: { unique } }]) {
      expect((await expectSuccess(cri.listContainers({ filter }))).containers).toEqual([]);
    }
    for (const filter of [{ id: unknown }, { labelSelector: { unique } }]) {
      expect((await expectSuccess(cri.listPodSandbox({ filter }))).items).toEqual([]);
    }
  },
});
