import { PodSandboxState } from "@keelson/cri-api/v1";
import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const sandboxById: Case = defineCase({
  name: "ListPodSandbox by ID has that sandbox alone, also by the beginning of its ID",
  cites: "runtime.v1 PodSandboxFilter.id: the ID, or the beginning of one",
  covers: ["ListPodSandboxRequest.filter", "PodSandboxFilter.id", "ListPodSandboxResponse.items"],
  async run({ cri, pod, anotherPod }) {
    await Promise.all([pod.run(), anotherPod().run()]);
    for (const id of [pod.id, pod.id.slice(0, 24)]) {
      const { items } = await cri.listPodSandbox({ filter: { id } });
      expect(items.map((one) => one.id)).toEqual([pod.id]);
    }
  },
});

export const sandboxesByState: Case = defineCase({
  name: "ListPodSandbox by state has those in that state, READY too, whose number is 0",
  cites: "runtime.v1 PodSandboxStateValue: a filter for READY is not the same as no filter",
  covers: ["PodSandboxFilter.state", "PodSandboxStateValue.state"],
  async run({ cri, anotherPod, unique }) {
    const [ready, stopped] = [
      anotherPod({ config: { labels: { unique } } }),
      anotherPod({ config: { labels: { unique } } }),
    ];
    await Promise.all([ready.run(), stopped.run()]);
    await stopped.stop();
    const listed = async (state: PodSandboxState) => {
      const { items } = await cri.listPodSandbox({ filter: { labelSelector: { unique }, state: { state } } });
      return items.map(({ id }) => id);
    };
    expect(await listed(PodSandboxState.SANDBOX_READY)).toEqual([ready.id]);
    expect(await listed(PodSandboxState.SANDBOX_NOTREADY)).toEqual([stopped.id]);
  },
});

export const sandboxesByLabels: Case = defineCase({
  name: "ListPodSandbox by labels has those with all of them and exactly these values",
  cites:
    "runtime.v1 PodSandboxFilter.label_selector: must be there with exactly these values; annotations do not count",
  covers: ["PodSandboxFilter.label_selector", "PodSandboxConfig.labels"],
  async run({ cri, anotherPod, unique }) {
    const [one, other, third] = [
      anotherPod({ config: { labels: { unique, tier: "front", empty: "" } } }),
      anotherPod({ config: { labels: { unique, tier: "frontier" } } }),
      anotherPod({ config: { labels: { tier: "front" }, annotations: { unique } } }),
    ];
    await Promise.all([one.run(), other.run(), third.run()]);
    const listed = async (labelSelector: Record<string, string>) =>
      (await cri.listPodSandbox({ filter: { labelSelector } })).items.map(({ id }) => id).toSorted();
    expect(await listed({ unique })).toEqual([one.id, other.id].toSorted());
    expect(await listed({ unique, tier: "front" })).toEqual([one.id]);
    expect(await listed({ unique, empty: "" })).toEqual([one.id]);
    expect(await listed({ unique, tier: "" })).toEqual([]);
  },
});

export const sandboxAllMustHold: Case = defineCase({
  name: "ListPodSandbox with several fields set has what all of them let pass",
  cites: "runtime.v1 PodSandboxFilter: what is set must all hold",
  covers: ["PodSandboxFilter.id", "PodSandboxFilter.state", "PodSandboxFilter.label_selector"],
  async run({ cri, anotherPod, unique }) {
    const pod = anotherPod({ config: { labels: { unique } } });
    const all = {
      id: await pod.run(),
      state: { state: PodSandboxState.SANDBOX_READY },
      labelSelector: { unique },
    };
    const listed = async (filter: object) => (await cri.listPodSandbox({ filter })).items.map(({ id }) => id);
    expect(await listed(all)).toEqual([pod.id]);
    expect(await listed({ ...all, state: { state: PodSandboxState.SANDBOX_NOTREADY } })).toEqual([]);
    expect(await listed({ ...all, labelSelector: { unique, more: "" } })).toEqual([]);
    expect(await listed({ ...all, id: await anotherPod().run() })).toEqual([]);
  },
});

export const everySandbox: Case = defineCase({
  name: "ListPodSandbox without a filter and with an empty one has every sandbox, in both states",
  cites: "runtime.v1 ListPodSandboxRequest.filter: unset passes all",
  covers: ["ListPodSandboxResponse.items"],
  async run({ cri, pod, anotherPod }) {
    const stopped = anotherPod();
    await Promise.all([pod.run(), stopped.run()]);
    await stopped.stop();
    for (const request of [{}, { filter: {} }, { filter: { id: "" } }]) {
      const listed = (await cri.listPodSandbox(request)).items.map(({ id }) => id);
      expect([pod.id, stopped.id].filter((id) => !listed.includes(id))).toEqual([]);
      expect(new Set(listed).size).toBe(listed.length);
    }
  },
});
