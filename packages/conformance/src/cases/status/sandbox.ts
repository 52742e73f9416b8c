import { readlink } from "node:fs/promises";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { NamespaceMode } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { recorded, sandboxInfo } from "./recorded.ts";

export const listedAsAsked: Case = defineCase({
  name: "ListPodSandbox has metadata, labels, annotations, time and handler of a sandbox, as its status has",
  cites: "runtime.v1 PodSandbox: what a status says without network and namespaces",
  covers: [
    "PodSandboxStatusResponse.status",
    "PodSandbox.id",
    "PodSandbox.metadata",
    "PodSandbox.created_at",
    "PodSandbox.labels",
    "PodSandbox.annotations",
  ],
  async run({ cri, anotherPod, unique }) {
    const asked = { labels: { unique, empty: "" }, annotations: { "example.com/note": " as written\t" } };
    const pod = anotherPod({ config: asked, attempt: 2 });
    const { createdAt, metadata, runtimeHandler } = await pod.status();
    const { items } = await cri.listPodSandbox({ filter: { id: pod.id } });
    expect(items).toMatchObject([{ id: pod.id, createdAt, runtimeHandler, ...asked }]);
    expect(items[0]?.metadata).toEqual(metadata);
    expect(metadata).toMatchObject({ name: pod.name, attempt: 2, namespace: "conformance" });
  },
});

export const namespacesAsAsked: Case = defineCase({
  name: "PodSandboxStatus tells namespace modes and handler as they were asked for",
  cites: 'runtime.v1 Namespace: the modes, as they were asked for; PodSandboxStatus.runtime_handler: "" stays ""',
  covers: ["PodSandboxStatus.linux", "LinuxPodSandboxStatus.namespaces", "Namespace.options"],
  async run({ pod }) {
    const { linux, runtimeHandler } = await pod.status();
    expect(linux?.namespaces?.options).toMatchObject({
      network: NamespaceMode.NODE,
      pid: NamespaceMode.CONTAINER,
      ipc: NamespaceMode.POD,
    });
    expect(runtimeHandler).toBe("");
  },
});

export const containersInIt: Case = defineCase({
  name: "PodSandboxStatus has the statuses of the sandbox's containers, and when they were taken",
  cites: "runtime.v1 PodSandboxStatusResponse: containers_statuses, timestamp; KEP-3386",
  covers: ["PodSandboxStatusResponse.containers_statuses", "PodSandboxStatusResponse.timestamp"],
  async run({ cri, pod, anotherPod }) {
    const [one, other] = [await pod.start(), await pod.create()];
    await anotherPod().create();
    const { status, containersStatuses, timestamp } = await cri.podSandboxStatus({ podSandboxId: pod.id });
    const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : 1);
    const alone = [await one.status(), await other.status()].toSorted(byId);
    expect(containersStatuses.toSorted(byId)).toEqual(alone);
    expect(timestamp).toBeAtLeast(status?.createdAt ?? 0n);
    for (const { createdAt, startedAt } of alone) {
      expect(timestamp).toBeAtLeast(createdAt);
      expect(timestamp).toBeAtLeast(startedAt);
    }
  },
});

export const addressWhileReady: Case = defineCase({
  name: "PodSandboxStatus tells the address that the pod has, and none after its stop",
  cites: "runtime.v1 PodSandboxNetworkStatus: ip; StopPodSandbox: gives the network back",
  covers: ["PodSandboxStatus.network", "PodSandboxNetworkStatus.ip"],
  needs: ["pod-network"],
  async run({ anotherPod }) {
    const pod = anotherPod({ network: "pod" });
    const { network } = await pod.status();
    const ip = network?.ip ?? "";
    expect(ip).toMatch(/^[0-9a-f.:]+$/);
    expect(network?.additionalIps.map((one) => one.ip)).not.toContain(ip);
    const c = await pod.start();
    const inside = "ip -o addr show | awk '{ print $4 }' | sed 's|/.*||'";
    expect((await c.observe({ inside, recorded: () => ip })).split("\n")).toContain(ip);
    await pod.stop();
    const after = (await pod.status()).network;
    expect({ ip: after?.ip ?? "", additionalIps: after?.additionalIps ?? [] }).toEqual({ ip: "", additionalIps: [] });
  },
});

export const bothFamilies: Case = defineCase({
  name: "PodSandboxStatus tells the pod's address of each family, the second one beside the first",
  cites: "runtime.v1 PodSandboxNetworkStatus.additional_ips: the second family of a dual-stack pod; PodIP.ip; KEP-563",
  covers: ["PodSandboxNetworkStatus.additional_ips", "PodIP.ip"],
  needs: ["dual-stack"],
  async run({ anotherPod }) {
    const pod = anotherPod({ network: "pod" });
    const { network } = await pod.status();
    const ips = [network?.ip ?? "", ...(network?.additionalIps.map(({ ip }) => ip) ?? [])];
    expect(ips.map((ip) => isIP(ip)).toSorted()).toEqual([4, 6]);
    const c = await pod.start();
    const inside = "ip -o addr show | awk '{ print $4 }' | sed 's|/.*||'";
    const found = (await c.observe({ inside, recorded: () => ips.join("\n") })).split("\n");
    for (const ip of ips) expect(found).toContain(ip);
  },
});

export const noAddressOfTheNode: Case = defineCase({
  name: "a pod on the node's network is in the node's namespace, and PodSandboxStatus tells no address",
  cites: "runtime.v1 PodSandboxNetworkStatus: empty for a pod on the node's network",
  covers: ["NamespaceOption.network"],
  critest: ["[k8s.io] Security Context NamespaceOption runtime should support HostNetwork is true"],
  async run({ pod, target }) {
    const c = await pod.start();
    const { network } = await pod.status();
    expect({ ip: network?.ip ?? "", more: network?.additionalIps ?? [] }).toEqual({ ip: "", more: [] });
    const ofNode = target.has.includes("inside") ? await readlink("/proc/self/ns/net") : `${NamespaceMode.NODE}`;
    const found = await c.observe({
      inside: "readlink /proc/1/ns/net",
      recorded: ({ config }) => recorded(config, "linux.security_context.namespace_options.network"),
    });
    expect([ofNode, "NODE"]).toContain(found);
  },
});

export const ownAddress: Case = defineCase({
  name: "two pods with networks of their own have different addresses",
  cites: "runtime.v1 RunPodSandbox: namespaces, network; Kubernetes: every pod has an address of its own",
  covers: ["PodSandboxNetworkStatus.ip"],
  critest: ["[k8s.io] Security Context NamespaceOption runtime should support HostNetwork is false"],
  needs: ["pod-network"],
  async run({ anotherPod }) {
    const all = await Promise.all([anotherPod({ network: "pod" }).status(), anotherPod({ network: "pod" }).status()]);
    const [one = "", other = ""] = all.map(({ network }) => network?.ip ?? "");
    expect([one === "", other === ""]).toEqual([false, false]);
    expect(other).not.toBe(one);
  },
});

export const sharedNamespaces: Case = defineCase({
  name: "containers of a pod share its network and IPC namespaces, and have process IDs of their own",
  cites: "runtime.v1 NamespaceMode: POD is shared by all of the sandbox's containers, CONTAINER is one of its own",
  covers: ["NamespaceOption.pid"],
  critest: [
    "[k8s.io] Multiple Containers [Conformance] when running multiple containers in a pod should support network",
    "[k8s.io] Security Context NamespaceOption runtime should support HostIpc is false",
    "[k8s.io] Security Context NamespaceOption runtime should support ContainerPID",
  ],
  needs: ["inside"],
  async run({ pod }) {
    const [one, other] = [await expectSuccess(pod.start()), await expectSuccess(pod.start())];
    const ways = { inside: "for one in net ipc pid; do readlink /proc/1/ns/$one; done", recorded: () => "" };
    const [netOne, ipcOne, pidOne] = (await one.observe(ways)).split("\n");
    const [netOther, ipcOther, pidOther] = (await other.observe(ways)).split("\n");
    expect([netOther, ipcOther]).toEqual([netOne, ipcOne]);
    expect(pidOther).not.toBe(pidOne);
    expect([pidOne, pidOther]).not.toContain(await readlink("/proc/self/ns/pid"));
    expect(ipcOne).not.toBe(await readlink("/proc/self/ns/ipc"));
  },
});

export const namespacesOfTheNode: Case = defineCase({
  name: "a pod that asks for the node's IPC and process IDs has them",
  cites: "runtime.v1 NamespaceMode: NODE is the node's, no isolation",
  covers: [
    "LinuxPodSandboxConfig.security_context",
    "LinuxSandboxSecurityContext.namespace_options",
    "NamespaceOption.ipc",
    "NamespaceOption.pid",
  ],
  critest: [
    "[k8s.io] Security Context NamespaceOption runtime should support HostIpc is true",
    "[k8s.io] Security Context NamespaceOption runtime should support HostPID",
  ],
  async run({ cri, anotherPod, target }) {
    const { NODE } = NamespaceMode;
    const options = "linux.security_context.namespace_options";
    const namespaceOptions = { network: NODE, pid: NODE, ipc: NODE };
    const pod = anotherPod({ security: { namespaceOptions } });
    const c = await expectSuccess(pod.start({ security: { namespaceOptions } }));
    expect((await pod.status()).linux?.namespaces?.options).toMatchObject(namespaceOptions);
    const info = await sandboxInfo({ cri, pod });
    const found = await c.observe({
      inside: "readlink /proc/self/ns/ipc; readlink /proc/self/ns/pid",
      // the sandbox says which IPC its containers share, each container says which process IDs it has
      recorded: (own) => [recorded(info, `config.${options}.ipc`), recorded(own, `config.${options}.pid`)].join("\n"),
    });
    const ofNode = async (one: string) => await readlink(`/proc/self/ns/${one}`);
    const wanted = target.has.includes("inside")
      ? [await ofNode("ipc"), await ofNode("pid")]
      : [`${NamespaceMode.NODE}`, `${NamespaceMode.NODE}`];
    expect(found.split("\n")).toEqual(wanted);
  },
});

export const hostName: Case = defineCase({
  name: "containers of a pod with a network of its own have the hostname that was asked for",
  cites: "runtime.v1 PodSandboxConfig.hostname",
  covers: ["PodSandboxConfig.hostname"],
  critest: ["[k8s.io] Networking runtime should support networking runtime should support set hostname [Conformance]"],
  needs: ["pod-network"],
  async run(stage) {
    const pod = stage.anotherPod({ network: "pod", config: { hostname: "conformance-host" } });
    const c = await pod.start();
    const info = await sandboxInfo({ cri: stage.cri, pod });
    const asked = recorded(info, "config.hostname");
    const found = await c.observe({ inside: "hostname; cat /etc/hostname", recorded: () => `${asked}\n${asked}` });
    expect(found).toBe("conformance-host\nconformance-host");
  },
});

export const hostNameOfTheNode: Case = defineCase({
  name: "containers of a pod on the node's network have the node's hostname",
  cites: 'runtime.v1 PodSandboxConfig.hostname: "" is the node\'s',
  covers: [],
  needs: ["inside"],
  async run({ pod }) {
    const c = await pod.start();
    expect(await c.observe({ inside: "hostname", recorded: () => "" })).toBe(hostname());
  },
});

export const nameServers: Case = defineCase({
  name: "containers find the name servers, domains and options that were asked for in their resolv.conf",
  cites: "runtime.v1 DNSConfig: servers, searches, options",
  covers: ["PodSandboxConfig.dns_config", "DNSConfig.servers", "DNSConfig.searches", "DNSConfig.options"],
  critest: ["[k8s.io] Networking runtime should support networking runtime should support DNS config [Conformance]"],
  async run({ cri, anotherPod }) {
    const dnsConfig = {
      servers: ["192.0.2.53", "192.0.2.54"],
      searches: ["one.example", "two.example"],
      options: ["ndots:5", "edns0"],
    };
    const pod = anotherPod({ config: { dnsConfig } });
    const c = await pod.start();
    const info = await sandboxInfo({ cri, pod });
    const words = (part: string): string =>
      (JSON.parse(recorded(info, `config.dns_config.${part}`) || "[]") as readonly string[]).join(" ");
    const found = await c.observe({
      inside: "cat /etc/resolv.conf",
      recorded: () =>
        [
          ...words("servers")
            .split(" ")
            .map((one) => `nameserver ${one}`),
          `search ${words("searches")}`,
          `options ${words("options")}`,
        ].join("\n"),
    });
    expect(found.split("\n").toSorted()).toEqual([
      "nameserver 192.0.2.53",
      "nameserver 192.0.2.54",
      "options ndots:5 edns0",
      "search one.example two.example",
    ]);
  },
});

export const kernelParameters: Case = defineCase({
  name: "a kernel parameter of a sandbox holds in its containers",
  cites: "runtime.v1 LinuxPodSandboxConfig.sysctls: written once in the sandbox's namespaces",
  covers: ["PodSandboxConfig.linux", "LinuxPodSandboxConfig.sysctls"],
  critest: [
    "[k8s.io] PodSandbox runtime should support sysctls should support safe sysctls",
    "[k8s.io] PodSandbox runtime should support sysctls should support unsafe sysctls",
  ],
  async run({ cri, anotherPod }) {
    const plain = anotherPod();
    const { $typeName: _, ...linux } = plain.config.linux ?? { $typeName: "" };
    const pod = anotherPod({ config: { linux: { ...linux, sysctls: { "kernel.shm_rmid_forced": "1" } } } });
    const c = await expectSuccess(pod.start());
    const info = await sandboxInfo({ cri, pod });
    const found = await c.observe({
      inside: "cat /proc/sys/kernel/shm_rmid_forced",
      recorded: () => /"kernel.shm_rmid_forced":"(.*?)"/.exec(recorded(info, "config.linux.sysctls"))?.[1] ?? "0",
    });
    expect(found).toBe("1");
  },
});

export const sharedMemory: Case = defineCase({
  name: "containers of a pod share its /dev/shm",
  cites: "runtime.v1 NamespaceOption.ipc: System V, POSIX queues, /dev/shm",
  covers: [],
  needs: ["inside"],
  async run({ pod, unique }) {
    const [one, other] = [await pod.start(), await pod.start()];
    await one.observe({ inside: `echo shared > /dev/shm/${unique}`, recorded: () => "" });
    const found = await other.observe({ inside: `cat /dev/shm/${unique}`, recorded: () => "" });
    expect(found).toBe("shared");
  },
});
