import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer } from "node:net";
import { Protocol } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Container } from "../../stage/container.ts";
import { recorded, sandboxInfo } from "./recorded.ts";

const ports = "[k8s.io] Networking runtime should support networking runtime should support port mapping with";

/** A container that says `one` to whoever connects to port 8080, and `two` on 8081. */
const server = {
  command: [
    "sh",
    "-c",
    "trap 'exit 143' TERM\nnc -ll -p 8080 -e echo one & nc -ll -p 8081 -e echo two &\nwhile :; do sleep 3600 & wait $!; done",
  ],
};

/** TCP ports of the node that nobody has. */
async function freePorts<const Names extends readonly string[]>(
  ...names: Names
): Promise<Readonly<Record<Names[number], number>>> {
  const servers = names.map(() => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((one) => once(one, "listening")));
  const found = servers.map((one) => (one.address() as AddressInfo).port);
  await Promise.all(servers.map((one) => once(one.close(), "close")));
  return Object.fromEntries(names.map((name, at) => [name, found[at]])) as Record<Names[number], number>;
}

/** What a server says to who connects from the node; the error's code when nobody listens there. */
async function hear(host: string, port: number): Promise<string> {
  const socket = createConnection({ host, port, timeout: 2_000 });
  const said: Buffer[] = [];
  socket.on("data", (part) => said.push(part)).on("timeout", () => socket.destroy(new Error("nobody says anything")));
  try {
    await once(socket, "close");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
  return Buffer.concat(said).toString().trim();
}

/** Datagrams that came to the pod and that nobody in it was waiting for. */
async function unheardDatagrams(c: Container): Promise<number> {
  const inside = "awk '/^Udp:/ && $3 ~ /^[0-9]+$/ { print $3 }' /proc/net/snmp";
  return Number(await c.observe({ inside, recorded: () => "0" }));
}

async function sendDatagram(port: number): Promise<void> {
  const socket = createSocket("udp4");
  socket.on("error", () => undefined); // nobody waits for it, and the kernel says so
  const sent = Promise.withResolvers<void>();
  socket.send("x", port, "127.0.0.1", () => sent.resolve());
  await sent.promise;
  socket.close();
}

export const portOfTheNode: Case = defineCase({
  name: "a port of the node leads to the pod's port by the protocol and at the address that were asked for, until the stop",
  cites: "runtime.v1 PortMapping: protocol, container_port, host_port, host_ip; given back when the pod is stopped",
  covers: [
    "PodSandboxConfig.port_mappings",
    "PortMapping.protocol",
    "PortMapping.container_port",
    "PortMapping.host_port",
    "PortMapping.host_ip",
  ],
  critest: [`${ports} host port and container port [Conformance]`],
  needs: ["pod-network", "host-ports"],
  async run({ cri, anotherPod, target, until }) {
    const { TCP, UDP } = Protocol;
    const free = await freePorts("everywhere", "oneAddress", "datagrams");
    const portMappings = [
      { protocol: TCP, containerPort: 8080, hostPort: free.everywhere, hostIp: "" },
      { protocol: TCP, containerPort: 8081, hostPort: free.oneAddress, hostIp: "127.0.0.1" },
      { protocol: UDP, containerPort: 8080, hostPort: free.datagrams, hostIp: "" },
    ];
    const pod = anotherPod({ network: "pod", config: { portMappings } });
    await expectSuccess(pod.run());
    if (!target.has.includes("inside")) {
      const kept = recorded(await sandboxInfo({ cri, pod }), "config.port_mappings") || "[]";
      expect(JSON.parse(kept)).toEqual([
        { container_port: 8080, host_port: free.everywhere },
        { container_port: 8081, host_port: free.oneAddress, host_ip: "127.0.0.1" },
        { protocol: UDP, container_port: 8080, host_port: free.datagrams },
      ]);
      return;
    }
    const c = await pod.start({ config: server });
    const leads = (to: string, host: string, port: number) =>
      until(`${host}:${port} leads to ${to}`, async () => (await hear(host, port)) === to, { withinMs: 5_000 });
    await leads("one", "127.0.0.1", free.everywhere);
    await leads("two", "127.0.0.1", free.oneAddress);
    // an address of the node, too
    expect(await hear("127.0.0.2", free.oneAddress)).toBe("ECONNREFUSED");
    expect(await hear("127.0.0.1", free.datagrams)).toBe("ECONNREFUSED");
    const before = await unheardDatagrams(c);
    await sendDatagram(free.datagrams);
    await until("a datagram reaches the pod", async () => (await unheardDatagrams(c)) > before, { withinMs: 5_000 });
    await pod.stop();
    for (const port of [free.everywhere, free.oneAddress]) expect(await hear("127.0.0.1", port)).toBe("ECONNREFUSED");
  },
});

export const portOfThePod: Case = defineCase({
  name: "a port that a pod declares without one of the node is reached at the pod's address, and opens none of the node",
  cites: "runtime.v1 PortMapping.host_port: 0 opens none; it does not ask for a free port",
  covers: [],
  critest: [`${ports} only container port [Conformance]`],
  needs: ["inside", "pod-network"],
  async run({ anotherPod, until }) {
    const containerPort = 8080;
    const pod = anotherPod({ network: "pod", config: { portMappings: [{ containerPort }] } });
    await pod.start({ config: server });
    const ip = (await pod.status()).network?.ip ?? "";
    await until("the pod is reached", async () => (await hear(ip, containerPort)) === "one", { withinMs: 5_000 });
    expect(await hear("127.0.0.1", containerPort)).not.toBe("one");
  },
});
