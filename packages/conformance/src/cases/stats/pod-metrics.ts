import { type ContainerMetrics, type Metric, MetricType, type PodSandboxMetrics } from "@keelson/cri-api/v1";
import { expect, expectSuccess, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Container } from "../../stage/container.ts";
import type { Pod } from "../../stage/pod.ts";
import type { Stage } from "../../stage/stage.ts";

const critest = "[k8s.io] PodSandbox runtime should support metrics operations runtime should support";

/** Names that the kubelet's own figures and everybody's dashboards are made of. */
const usual = [
  "container_cpu_usage_seconds_total",
  "container_memory_working_set_bytes",
  "container_memory_rss",
  "container_network_receive_bytes_total",
  "container_network_transmit_bytes_total",
  "container_start_time_seconds",
];

async function describe({ cri }: Pick<Stage, "cri">) {
  const { descriptors } = await expectSuccess(cri.listMetricDescriptors({}));
  return new Map(descriptors.map(({ name, labelKeys }) => [name, labelKeys]));
}

async function list({ cri }: Pick<Stage, "cri">, pod: Pod): Promise<PodSandboxMetrics> {
  const { podMetrics } = await expectSuccess(cri.listPodSandboxMetrics({}));
  return podMetrics.find(({ podSandboxId }) => podSandboxId === pod.id) ?? fail("the pod has no metrics");
}

function of(metrics: PodSandboxMetrics, container: Container): ContainerMetrics {
  const found = metrics.containerMetrics.find(({ containerId }) => containerId === container.id);
  return found ?? fail("the container has no metrics");
}

function named(metrics: readonly Metric[], name: string): Metric {
  return metrics.find((one) => one.name === name) ?? fail(`there is no ${name}`);
}

export const metricDescriptors: Case = defineCase({
  name: "ListMetricDescriptors describes each metric once, in words, with its labels, always the same",
  cites: "runtime.v1 ListMetricDescriptors: the kubelet reads it once; KEP-2371: cAdvisor's names",
  covers: [
    "ListMetricDescriptorsResponse.descriptors",
    "MetricDescriptor.name",
    "MetricDescriptor.help",
    "MetricDescriptor.label_keys",
  ],
  critest: [`${critest} returning metrics descriptors [Conformance]`],
  async run({ cri }) {
    const { descriptors } = await expectSuccess(cri.listMetricDescriptors({}));
    const names = descriptors.map(({ name }) => name);
    expect(usual.filter((name) => !names.includes(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, help, labelKeys } of descriptors) {
      expect(name).toMatch(/^container_[a-z0-9_]+$/);
      expect(help, name).toMatch(/\S/);
      expect(labelKeys.length, name).toBeGreaterThan(0);
      expect(new Set(labelKeys).size, name).toBe(labelKeys.length);
    }
    expect((await cri.listMetricDescriptors({})).descriptors).toEqual(descriptors);
  },
});

export const metricsOfAPod: Case = defineCase({
  name: "ListPodSandboxMetrics tells a pod's network and each running container's use, labelled as described",
  cites: "runtime.v1 ListPodSandboxMetrics, Metric; KEP-2371: what cAdvisor tells",
  covers: [
    "ListPodSandboxMetricsResponse.pod_metrics",
    "PodSandboxMetrics.pod_sandbox_id",
    "PodSandboxMetrics.metrics",
    "PodSandboxMetrics.container_metrics",
    "ContainerMetrics.container_id",
    "ContainerMetrics.metrics",
    "Metric.name",
    "Metric.timestamp",
    "Metric.metric_type",
    "Metric.label_values",
    "Metric.value",
  ],
  critest: [`${critest} listing pod sandbox metrics [Conformance]`],
  needs: ["pod-network"],
  async run({ cri, anotherPod }) {
    const pod = anotherPod({ network: "pod" });
    const c = await pod.start({ resources: { memoryLimitInBytes: 67_108_864n } });
    await c.untilLogged("ready");
    const { startedAt } = await c.status();
    const keysOf = await describe({ cri });
    const metrics = await list({ cri }, pod);
    const own = of(metrics, c).metrics;
    for (const one of [...metrics.metrics, ...own]) {
      const keys = keysOf.get(one.name) ?? fail(`${one.name} is not described`);
      expect(one.labelValues, one.name).toHaveLength(keys.length);
      expect(one.timestamp, one.name).toBeGreaterThan(startedAt);
      expect(one.value?.value, one.name).toBeAtLeast(0n);
    }
    const label = (one: Metric, key: string) => one.labelValues[keysOf.get(one.name)?.indexOf(key) ?? -1];
    const received = named(metrics.metrics, "container_network_receive_bytes_total");
    expect(received.metricType).toBe(MetricType.COUNTER);
    expect(label(received, "interface")).toMatch(/^(?!lo$)\S+$/);
    const workingSet = named(own, "container_memory_working_set_bytes");
    expect(workingSet.metricType).toBe(MetricType.GAUGE);
    expect(workingSet.value?.value).toBeGreaterThan(0n);
    expect(workingSet.value?.value).toBeLessThan(67_108_864n);
    expect(label(workingSet, "id")).toBe(c.id);
    expect(label(workingSet, "pod")).toBe(pod.name);
    expect(label(workingSet, "namespace")).toBe(pod.config.metadata?.namespace);
    expect(label(workingSet, "container")).toBe(c.config.metadata?.name);
    expect(named(own, "container_start_time_seconds").value?.value).toBe(startedAt / 1_000_000_000n);
  },
});

export const metricsAsStats: Case = defineCase({
  name: "the metrics of a container are what ContainerStats tells of it",
  cites: "runtime.v1 ListPodSandboxMetrics, ContainerStats: of the same cgroup; KEP-2371",
  covers: ["Metric.value"],
  async run({ cri, pod, until, target }) {
    const c = await pod.start();
    const used = async () => {
      const { stats } = await cri.containerStats({ containerId: c.id });
      return stats?.cpu?.usageCoreNanoSeconds?.value ?? fail("there is no CPU time");
    };
    const burn = "timeout 2 sh -c 'while :; do :; done' || true";
    await until("it has used a second", async () => {
      await c.observe({ inside: burn, recorded: () => "" });
      // a simulated container uses a thousandth of a CPU
      return (await used()) > (target.has.includes("inside") ? 1_000_000_000n : 0n);
    });
    const before = await used();
    const metrics = of(await list({ cri }, pod), c).metrics;
    const told = named(metrics, "container_cpu_usage_seconds_total").value?.value;
    expect(told).toBeAtLeast(before / 1_000_000_000n);
    expect(told).toBeLessThan((await used()) / 1_000_000_000n + 1n);
  },
});

export const metricsOfWhatRuns: Case = defineCase({
  name: "metrics are told of containers that run in READY sandboxes, and of no others",
  cites: "runtime.v1 ListPodSandboxMetrics: metrics of what runs; the kubelet takes them for running pods",
  covers: ["ContainerMetrics.container_id", "PodSandboxMetrics.pod_sandbox_id"],
  async run({ cri, pod, anotherPod }) {
    const [running, ended] = [await pod.start(), await pod.start({ program: { exit: { code: 0 } } })];
    await ended.until("exited");
    const stopped = anotherPod();
    await stopped.start();
    await stopped.stop();
    const { podMetrics } = await expectSuccess(cri.listPodSandboxMetrics({}));
    const ids = podMetrics.map(({ podSandboxId }) => podSandboxId);
    expect(ids).toContain(pod.id);
    expect(ids).not.toContain(stopped.id);
    expect(new Set(ids).size).toBe(ids.length);
    const mine = podMetrics.find(({ podSandboxId }) => podSandboxId === pod.id)?.containerMetrics ?? [];
    expect(mine.map(({ containerId }) => containerId)).toEqual([running.id]);
  },
});

export const streamedMetrics: Case = defineCase({
  name: "StreamPodSandboxMetrics has what ListPodSandboxMetrics has, each pod once",
  cites: "runtime.v1 StreamPodSandboxMetrics: ListPodSandboxMetrics in parts; KEP-5825",
  covers: ["StreamPodSandboxMetricsResponse.pod_sandbox_metrics", "PodSandboxMetrics.pod_sandbox_id"],
  async run({ cri, pod }) {
    const c = await pod.start();
    const all: PodSandboxMetrics[] = [];
    for await (const { podSandboxMetrics } of cri.streamPodSandboxMetrics({})) all.push(...podSandboxMetrics);
    const mine = all.filter(({ podSandboxId }) => podSandboxId === pod.id);
    expect(mine).toHaveLength(1);
    const names = (one: PodSandboxMetrics | undefined) =>
      one &&
      of(one, c)
        .metrics.map(({ name }) => name)
        .toSorted();
    expect(names(mine[0])).toEqual(names(await list({ cri }, pod)));
  },
});
