import { readFile } from "node:fs/promises";
import { CgroupDriver } from "@keelson/cri-api/v1";
import { expect, expectRefusal, expectSuccess, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { recorded, sandboxInfo } from "./recorded.ts";

export const version: Case = defineCase({
  name: "Version answers with all four fields, 0.1.0 and v1 among them, whatever version is asked for",
  cites: "runtime.v1 VersionResponse: all four fields must be set; the kubelet refuses another version than 0.1.0",
  covers: [
    "VersionResponse.version",
    "VersionResponse.runtime_name",
    "VersionResponse.runtime_version",
    "VersionResponse.runtime_api_version",
  ],
  critest: [
    "[k8s.io] Runtime info runtime should support returning runtime info runtime should return version info [Conformance]",
  ],
  async run({ cri }) {
    const answer = await cri.version({ version: "0.1.0" });
    expect(answer).toMatchObject({
      version: "0.1.0",
      runtimeName: /^\S+$/,
      runtimeVersion: /^v?\d+\.\d+\.\d+/,
      runtimeApiVersion: "v1",
    });
    for (const version of ["", "9.9.9"]) expect(await cri.version({ version })).toEqual(answer);
  },
});

export const conditions: Case = defineCase({
  name: "Status has the condition RuntimeReady, which is true, and NetworkReady, each once",
  cites: "runtime.v1 RuntimeStatus.conditions: the kubelet rejects an answer with fewer than two",
  covers: ["StatusResponse.status", "RuntimeStatus.conditions", "RuntimeCondition.type", "RuntimeCondition.status"],
  critest: [
    "[k8s.io] Runtime info runtime should support returning runtime info runtime should return runtime conditions [Conformance]",
  ],
  async run({ cri, target }) {
    const conditions = (await cri.status({})).status?.conditions ?? [];
    const of = (type: string) => conditions.filter((one) => one.type === type);
    expect(of("RuntimeReady")).toMatchObject([{ status: true, reason: "", message: "" }]);
    const network = of("NetworkReady");
    expect(network).toHaveLength(1);
    if (target.has.includes("pod-network")) expect(network).toMatchObject([{ status: true, reason: "", message: "" }]);
    // what is not in order says why, in a word and in a sentence
    else expect(network).toMatchObject([{ status: false, reason: /^\w+$/, message: /./ }]);
    expect(new Set(conditions.map(({ type }) => type)).size).toBe(conditions.length);
  },
});

export const networkOutage: Case = defineCase({
  name: "without a network Status says so, in a word and in a sentence; pods on the node's network run, others do not",
  cites: "runtime.v1 RuntimeCondition: reason, message; without the network only pods on the node's network start",
  covers: ["RuntimeCondition.status", "RuntimeCondition.reason", "RuntimeCondition.message"],
  needs: ["network-outage", "pod-network"],
  alone: "node",
  async run({ cri, pod, anotherPod, until, withoutNetwork }) {
    const condition = async () =>
      (await cri.status({})).status?.conditions.find(({ type }) => type === "NetworkReady") ?? fail("it has none");
    await withoutNetwork(async () => {
      const found = await until("the network is not ready", async () => {
        const one = await condition();
        return !one.status && one;
      });
      expect(found).toMatchObject({ reason: "NetworkPluginNotReady", message: /\S/ });
      await pod.start();
      await expectRefusal(anotherPod({ network: "pod" }).run(), /network|cni/i);
    });
    await until("the network is ready", async () => (await condition()).status);
    expect(await condition()).toMatchObject({ reason: "", message: "" });
    await anotherPod({ network: "pod" }).run();
  },
});

export const verboseStatus: Case = defineCase({
  name: "a verbose Status has JSON in `info`, a plain one has none",
  cites: 'runtime.v1 StatusResponse.info: each value is JSON; the configuration is under "config"',
  covers: ["StatusRequest.verbose", "StatusResponse.info"],
  async run({ cri }) {
    const { info } = await cri.status({ verbose: true });
    expect(typeof JSON.parse(info.config ?? "null")).toBe("object");
    expect(info.config).toMatch(/^\{/);
    expect((await cri.status({})).info).toEqual({});
  },
});

export const handlers: Case = defineCase({
  name: 'Status names the runtime handlers, each once, the default one as "", and what they keep',
  cites: "runtime.v1 StatusResponse.runtime_handlers; KEP-3857, KEP-127",
  covers: [
    "StatusResponse.runtime_handlers",
    "StatusResponse.features",
    "RuntimeHandler.name",
    "RuntimeHandler.features",
  ],
  async run({ cri }) {
    const { runtimeHandlers, features } = await cri.status({});
    const names = runtimeHandlers.map(({ name }) => name);
    expect(names).toContain("");
    expect(new Set(names).size).toBe(names.length);
    expect(runtimeHandlers.every((one) => one.features !== undefined)).toBe(true);
    expect(features).toBeDefined();
  },
});

export const namedHandler: Case = defineCase({
  name: "a sandbox can be run by the default handler and by each that Status names, and tells which it was",
  cites: "runtime.v1 RuntimeHandler: a configuration that RunPodSandbox can name; PodSandboxStatus.runtime_handler",
  covers: ["RunPodSandboxRequest.runtime_handler", "PodSandboxStatus.runtime_handler", "PodSandbox.runtime_handler"],
  async run({ cri, anotherPod, target }) {
    const names = (await cri.status({})).runtimeHandlers.map(({ name }) => name);
    for (const runtimeHandler of new Set(["", ...names])) {
      const pod = anotherPod({ runtimeHandler });
      expect((await pod.status()).runtimeHandler).toBe(runtimeHandler);
      const { items } = await cri.listPodSandbox({ filter: { id: pod.id } });
      expect(items).toMatchObject([{ runtimeHandler }]);
      const { has, handlerVariable } = target;
      if (has.includes("inside") && handlerVariable === undefined) continue;
      const info = await sandboxInfo({ cri, pod });
      const ran = await (await pod.start()).observe({
        inside: `tr '\\0' '\\n' < /proc/1/environ | sed -n 's/^${handlerVariable}=//p'`,
        recorded: () => recorded(info, "runtimeHandler"),
      });
      expect(ran, "the handler that has made the container").toBe(runtimeHandler);
    }
  },
});

export const cgroupDriver: Case = defineCase({
  name: "RuntimeConfig tells the cgroup driver by which containers have their cgroups, whenever it is asked",
  cites: "runtime.v1 RuntimeConfig: the kubelet takes the answer as fixed until its next start; KEP-4033",
  covers: ["RuntimeConfigResponse.linux", "LinuxRuntimeConfiguration.cgroup_driver"],
  async run({ cri, pod, target }) {
    const { linux } = await expectSuccess(cri.runtimeConfig({}));
    expect([CgroupDriver.SYSTEMD, CgroupDriver.CGROUPFS]).toContain(linux?.cgroupDriver);
    expect((await cri.runtimeConfig({})).linux).toEqual(linux);
    if (!target.has.includes("inside")) return;
    const { pid } = await (await pod.start()).info();
    const bySystemd = /\.(scope|slice)$/m.test(await readFile(`/proc/${pid}/cgroup`, "utf8"));
    expect(linux?.cgroupDriver).toBe(bySystemd ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS);
  },
});

export const podCidr: Case = defineCase({
  name: "UpdateRuntimeConfig takes the node's range of addresses, and the runtime stays ready",
  cites: "runtime.v1 UpdateRuntimeConfig: a runtime that has no use for it answers OK",
  covers: ["UpdateRuntimeConfigRequest.runtime_config", "RuntimeConfig.network_config", "NetworkConfig.pod_cidr"],
  alone: "node",
  async run({ cri, target, unique }) {
    // one that no other run has given
    const [one, other] = [unique.slice(1, 3), unique.slice(3, 5)];
    const podCidr = `10.${Number.parseInt(one, 16)}.${Number.parseInt(other, 16)}.0/24,fd00:${one}:${other}::/64`;
    await expectSuccess(cri.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr } } }));
    await expectSuccess(cri.updateRuntimeConfig({}));
    const { status, info } = await cri.status({ verbose: true });
    expect(status?.conditions.find(({ type }) => type === "RuntimeReady")?.status).toBe(true);
    // what is done with it is the runtime's matter; one that shows it shows what it was given
    const shown = /"pod_?cidr":\s*"(.*?)"/i.exec(Object.values(info).join("\n"))?.[1];
    if (shown !== undefined || !target.has.includes("inside")) expect(shown).toBe(podCidr);
  },
});
