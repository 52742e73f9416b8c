import { expect, expectFailure, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { exit } from "../../program/program.ts";
import type { Stage } from "../../stage/stage.ts";

async function measure({ cri }: Pick<Stage, "cri">, podSandboxId: string) {
  return (await cri.podSandboxStats({ podSandboxId })).stats ?? fail("PodSandboxStats has no stats");
}

export const sandboxFigures: Case = defineCase({
  name: "PodSandboxStats names the sandbox and tells its CPU, memory and processes",
  cites: "runtime.v1 PodSandboxStats, LinuxPodSandboxStats: those of its cgroup; KEP-2371",
  covers: [
    "PodSandboxStatsRequest.pod_sandbox_id",
    "PodSandboxStatsResponse.stats",
    "PodSandboxStats.attributes",
    "PodSandboxStats.linux",
    "PodSandboxAttributes.id",
    "PodSandboxAttributes.metadata",
    "PodSandboxAttributes.labels",
    "PodSandboxAttributes.annotations",
    "LinuxPodSandboxStats.cpu",
    "LinuxPodSandboxStats.memory",
    "LinuxPodSandboxStats.process",
    "ProcessUsage.timestamp",
    "ProcessUsage.process_count",
  ],
  async run({ cri, anotherPod, unique, target }) {
    const asked = { labels: { unique }, annotations: { note: unique } };
    const pod = anotherPod({ config: asked, attempt: 4 });
    for (const c of [await pod.start(), await pod.start()]) await c.untilLogged("ready");
    const { attributes, linux } = await measure({ cri }, pod.id);
    const { uid } = pod.config.metadata ?? {};
    expect(attributes).toMatchObject({ id: pod.id, metadata: { name: pod.name, uid, attempt: 4 }, ...asked });
    const { createdAt } = await pod.status();
    for (const one of [linux?.cpu, linux?.memory, linux?.process]) expect(one?.timestamp).toBeGreaterThan(createdAt);
    expect(linux?.cpu?.usageCoreNanoSeconds?.value).toBeGreaterThan(0n);
    expect(linux?.memory?.workingSetBytes?.value).toBeGreaterThan(0n);
    // each has a shell, which waits for a `sleep`
    expect(linux?.process?.processCount?.value).toBeAtLeast(target.has.includes("inside") ? 4n : 2n);
  },
});

export const containersOfASandbox: Case = defineCase({
  name: "PodSandboxStats has the figures of the pod's running containers, and of no others",
  cites: "runtime.v1 LinuxPodSandboxStats.containers: the pod's containers that run",
  covers: ["LinuxPodSandboxStats.containers"],
  async run({ cri, pod, anotherPod }) {
    const [one, other] = [await pod.start(), await pod.start()];
    const [ended] = [await pod.start({ program: exit(0) }), await anotherPod().start()];
    await ended.until("exited");
    const containers = (await measure({ cri }, pod.id)).linux?.containers ?? [];
    const running = containers.filter(({ attributes }) => attributes?.id !== ended.id);
    const ids = running.map(({ attributes }) => attributes?.id);
    expect(ids.toSorted()).toEqual([one.id, other.id].toSorted());
    expect(running.every(({ cpu, memory }) => cpu !== undefined && memory !== undefined)).toBe(true);
  },
});

export const networkOfASandbox: Case = defineCase({
  name: "PodSandboxStats tells what goes through the interface of a pod with a network of its own",
  cites:
    "runtime.v1 NetworkUsage.default_interface: the one with the pod's default route; counters as the pod sees them",
  covers: [
    "LinuxPodSandboxStats.network",
    "NetworkUsage.timestamp",
    "NetworkUsage.default_interface",
    "NetworkInterfaceUsage.name",
    "NetworkInterfaceUsage.rx_bytes",
    "NetworkInterfaceUsage.rx_errors",
    "NetworkInterfaceUsage.tx_bytes",
    "NetworkInterfaceUsage.tx_errors",
  ],
  needs: ["pod-network"],
  async run({ cri, anotherPod }) {
    const pod = anotherPod({ network: "pod" });
    const c = await pod.start();
    const { network } = (await measure({ cri }, pod.id)).linux ?? {};
    expect(network?.timestamp).toBeGreaterThan((await pod.status()).createdAt);
    const { name, rxBytes, rxErrors, txBytes, txErrors } = network?.defaultInterface ?? fail("it has no interface");
    expect([rxErrors?.value, txErrors?.value]).toEqual([0n, 0n]);
    expect(rxBytes?.value).toBeAtLeast(0n);
    expect(txBytes?.value).toBeAtLeast(0n);
    const inside = "ls /sys/class/net | grep -vx lo || awk -F: '/:/ && !/lo:/ { print $1 }' /proc/net/dev";
    expect((await c.observe({ inside, recorded: () => "eth0" })).split("\n")).toContain(name);
  },
});

export const interfacesOfASandbox: Case = defineCase({
  name: "PodSandboxStats tells the interfaces that a pod has besides, and its loopback not",
  cites: "runtime.v1 NetworkUsage.interfaces: the others, without the default one and without loopback",
  covers: ["NetworkUsage.interfaces", "NetworkUsage.default_interface", "NetworkInterfaceUsage.name"],
  needs: ["pod-network"],
  async run({ cri, anotherPod }) {
    const pod = anotherPod({ network: "pod" });
    const c = await pod.start({
      program: { log: [{ text: "ready" }], interfaces: ["extra1", "extra2"] },
      security: { capabilities: { addCapabilities: ["NET_ADMIN"] } },
    });
    await c.untilLogged("ready");
    const { network } = (await measure({ cri }, pod.id)).linux ?? {};
    expect(network?.defaultInterface?.name).toMatch(/^(?!lo$|extra)\S+$/);
    expect(network?.interfaces.map(({ name }) => name).toSorted()).toEqual(["extra1", "extra2"]);
    for (const { rxBytes, rxErrors, txBytes, txErrors } of network?.interfaces ?? []) {
      for (const counter of [rxBytes, rxErrors, txBytes, txErrors]) expect(counter?.value).toBeAtLeast(0n);
    }
  },
});

export const noNetworkOfTheNode: Case = defineCase({
  name: "PodSandboxStats of a pod on the node's network tells no network",
  cites: "runtime.v1 LinuxPodSandboxStats.network: unset for a pod on the node's network",
  covers: [],
  async run({ cri, pod }) {
    await pod.start();
    const { linux } = await measure({ cri }, pod.id);
    expect(linux?.cpu).toBeDefined();
    expect(linux?.network).toBeUndefined();
  },
});

export const sandboxStatsOfUnknown: Case = defineCase({
  name: "PodSandboxStats of a sandbox that is not there is NotFound",
  cites: "runtime.v1 PodSandboxStats: NotFound when there is none",
  covers: ["PodSandboxStatsRequest.pod_sandbox_id"],
  async run({ cri }) {
    await expectFailure(cri.podSandboxStats({ podSandboxId: "0".repeat(64) }), "NOT_FOUND");
  },
});

export const readyOnes: Case = defineCase({
  name: "ListPodSandboxStats has the READY sandboxes, and leaves a stopped one out",
  cites: "runtime.v1 ListPodSandboxStats: of all READY sandboxes that pass the filter",
  covers: ["ListPodSandboxStatsResponse.stats"],
  async run({ cri, pod, anotherPod }) {
    const stopped = anotherPod();
    await Promise.all([pod.run(), stopped.run()]);
    await stopped.stop();
    for (const request of [{}, { filter: {} }]) {
      const ids = (await cri.listPodSandboxStats(request)).stats.map(({ attributes }) => attributes?.id ?? "");
      expect(ids).toContain(pod.id);
      expect(ids).not.toContain(stopped.id);
      expect(new Set(ids).size).toBe(ids.length);
    }
  },
});
