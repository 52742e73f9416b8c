import { readlink } from "node:fs/promises";
import { NamespaceMode } from "@keelson/cri-api/v1";
import { expect, expectRefusal } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { startOrRefused } from "./made-or-refused.ts";
import { recorded } from "./recorded.ts";

const { CONTAINER, NODE, POD, TARGET } = NamespaceMode;
const usernsOptions = { mode: NODE };
const namespace = {
  inside: "readlink /proc/self/ns/pid",
  recorded: (info: Readonly<Record<string, unknown>>) =>
    recorded(info, "config.linux.security_context.namespace_options.pid"),
};

export const ownProcessIds: Case = defineCase({
  name: "in a pod with the node's process IDs a container has its own when it asks for them, and another the node's",
  cites: "runtime.v1 LinuxContainerSecurityContext.namespace_options: of the sandbox's modes, pid alone may differ",
  covers: ["LinuxContainerSecurityContext.namespace_options", "NamespaceOption.pid"],
  async run({ anotherPod, target }) {
    const options = (pid: NamespaceMode) => ({ namespaceOptions: { network: NODE, pid, ipc: POD, usernsOptions } });
    const pod = anotherPod({ security: options(NODE) });
    const [one, other] = [
      await pod.start({ security: options(CONTAINER) }),
      await pod.start({ security: options(NODE) }),
    ];
    const found = [await one.observe(namespace), await other.observe(namespace)];
    if (!target.has.includes("inside")) {
      expect(found).toEqual([`${CONTAINER}`, `${NODE}`]);
      return;
    }
    const ofNode = await readlink("/proc/self/ns/pid");
    expect(found[0]).not.toBe(ofNode);
    expect(found[1]).toBe(ofNode);
  },
});

export const processIdsOfAnother: Case = defineCase({
  name: "a container has the process IDs of the one that it targets, or is refused",
  cites: "runtime.v1 NamespaceMode: TARGET is that of the container that target_id names; KEP-277",
  covers: ["NamespaceOption.target_id"],
  async run({ cri, pod, target }) {
    const [first, second] = [await pod.start(), await pod.start()];
    for (const { id } of [first, second]) {
      const security = { namespaceOptions: { network: NODE, pid: TARGET, ipc: POD, targetId: id, usernsOptions } };
      const c = await startOrRefused({ cri }, pod, { security }, /pid|target/i);
      if (c === undefined) continue;
      if (!target.has.includes("inside")) {
        expect(recorded(await c.info(), "config.linux.security_context.namespace_options.target_id")).toBe(id);
        expect(await c.observe(namespace)).toBe(`${TARGET}`);
        continue;
      }
      const [own, other] = id === first.id ? [first, second] : [second, first];
      const found = await c.observe(namespace);
      expect(found).toBe(await own.observe(namespace));
      expect(found).not.toBe(await other.observe(namespace));
    }
  },
});

export const targetWithoutItsProcesses: Case = defineCase({
  name: "a container that targets another without asking for its process IDs is refused",
  cites: 'runtime.v1 NamespaceOption.target_id: "" with any other mode than TARGET',
  covers: ["NamespaceOption.target_id"],
  async run({ cri, pod }) {
    const { id } = await pod.start();
    const namespaceOptions = { network: NODE, pid: CONTAINER, ipc: POD, targetId: id, usernsOptions };
    await expectRefusal(pod.create({ security: { namespaceOptions } }), /target_id/);
    const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    expect(containers).toMatchObject([{ id }]);
  },
});

export const noOtherNamespaces: Case = defineCase({
  name: "a container that asks for the node's network or IPC in a pod that has its own is refused",
  cites: "runtime.v1 LinuxContainerSecurityContext.namespace_options: must fit the sandbox's; only pid may differ",
  covers: ["LinuxContainerSecurityContext.namespace_options", "NamespaceOption.network", "NamespaceOption.ipc"],
  needs: ["inside", "pod-network"],
  async run({ cri, anotherPod }) {
    const pod = anotherPod({ network: "pod" });
    await pod.run();
    const fits = { network: POD, pid: CONTAINER, ipc: POD, usernsOptions };
    await expectRefusal(pod.create({ security: { namespaceOptions: { ...fits, network: NODE } } }), /network/);
    await expectRefusal(pod.create({ security: { namespaceOptions: { ...fits, ipc: NODE } } }), /ipc/);
    expect((await cri.listContainers({ filter: { podSandboxId: pod.id } })).containers).toEqual([]);
  },
});
