import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isCriError } from "@keelson/cri-api/errors";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { CniPluginError } from "../src/network/cni/plugin-error.ts";
import type { NetworkPlan } from "../src/network/network.ts";
import { unpinNamespace } from "../src/sys/namespace-pin.ts";
import { readProcessStat } from "../src/sys/pidfd.ts";
import { spawn } from "../src/sys/spawn.ts";
import { openPluginHost, type PluginHost } from "./plugin-host.ts";
import { newId, newTask, podConfig } from "./test-pods.ts";

/** A dead process that its parent has not reaped yet does not run. */
function isRunning(pid: string): boolean {
  const state = readProcessStat(Number(pid))?.state;
  return state !== undefined && state !== "Z" && state !== "X";
}

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.fail("it did not fail"),
    (error: unknown) => error,
  );

describe.skipIf(linuxGate.skip)("the network by CNI plugins", () => {
  let host: PluginHost;
  beforeEach(async () => {
    host = await openPluginHost();
  });
  afterEach(async () => {
    await host[Symbol.asyncDispose]();
  });

  const planFor = async (network = host.network(), init = {}): Promise<NetworkPlan> => {
    const sandboxId = newId();
    return network.plan({ sandboxId, netnsPath: await host.pod(sandboxId.slice(0, 8)), config: podConfig(init) });
  };

  it("gives two pods addresses that the host and each other reach, and takes them back", async () => {
    host.configure("10-pods.conflist", host.bridgeList());
    const network = host.network();
    const plans = [await planFor(network), await planFor(network)];
    const task = newTask();
    const facts = await Promise.all(plans.map((plan) => network.attach(plan, task)));
    const [one, two] = facts.map((each) => each.ips[0] ?? "");
    expect(one).toMatch(/^10\.88\.0\.\d+$/);
    expect(two).toMatch(/^10\.88\.0\.\d+$/);
    expect(one).not.toBe(two);
    expect(task.stages).toContain('waiting for CNI ADD of network "pods" (plugin bridge)');
    expect(facts[0]?.interfaces.map(({ name, sandbox }) => ({ name, sandbox }))).toContainEqual({
      name: "eth0",
      sandbox: plans[0]?.netnsPath,
    });
    const ping = (from: string | undefined, to = "") => host.exec(from, "busybox", "ping", "-c", "1", "-W", "5", to);
    expect(await ping(undefined, one)).toContain("1 packets received");
    expect(await ping(plans[0]?.netnsPath, two)).toContain("1 packets received");
    expect(host.leases()).toEqual([one, two].toSorted());
    for (const [index, plan] of plans.entries()) await network.check(plan, facts[index] as never);

    for (const [index, plan] of plans.entries()) await network.detach(plan, facts[index]);
    for (const plan of plans) await network.detach(plan, undefined);
    expect(host.leases()).toEqual([]);
    expect(await host.exec(undefined, "busybox", "ip", "-o", "link", "show")).not.toContain("veth");
    expect(await host.exec(undefined, "iptables", "-t", "nat", "-S")).not.toContain(plans[0]?.sandboxId);
    expect(readdirSync(join(host.folder, "results"))).toEqual([]);
  });

  it("tells plugins the pod, passes what they answer along the chain, and deletes in reverse", async () => {
    const record = (type: string): void =>
      host.script(
        type,
        `cat > "${host.folder}/$CNI_COMMAND-${type}.json"; env | sort > "${host.folder}/$CNI_COMMAND-${type}.env"
echo ${type} >> "${host.folder}/$CNI_COMMAND-order"
printf '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","mac":"02:00:00:00:00:01","sandbox":"'$CNI_NETNS'"}],"ips":[{"address":"10.1.2.3/24","interface":0},{"address":"fd00::3/64","interface":0}],"by":"${type}","big":9007199254740993}'`,
      );
    record("first");
    record("second");
    host.configure("10-x.conflist", {
      cniVersions: ["0.4.0", "1.0.0", "7.0.0"],
      name: "x",
      plugins: [
        {
          type: "first",
          capabilities: { portMappings: true, "io.kubernetes.cri.pod-annotations": true },
          keep: { a: [1, null] },
        },
        { type: "second", capabilities: { bandwidth: true, dns: false }, "cni.dev/x": 1 },
      ],
    });
    const network = host.network();
    const plan = await planFor(network, {
      annotations: { "kubernetes.io/ingress-bandwidth": "10M", a: "b" },
      portMappings: [
        { protocol: 0, containerPort: 80, hostPort: 8080, hostIp: "" },
        { protocol: 1, containerPort: 53, hostPort: 0, hostIp: "" },
      ],
    });
    const facts = await network.attach(plan, newTask());
    await host.network().detach(plan, undefined); // by what was noted on disk
    const first = readFileSync(join(host.folder, "DEL-second.json"), "utf8");
    expect(JSON.parse(first)).toMatchObject({ prevResult: { by: "second" } });
    expect(first).toContain('"big":9007199254740993');
    await host.exec(undefined, "rm", join(host.folder, "DEL-order"));
    await network.detach(plan, facts);

    expect(facts.ips).toEqual(["10.1.2.3", "fd00::3"]);
    expect(plan.reported).toEqual([]);
    const env = Object.fromEntries(
      readFileSync(join(host.folder, "ADD-first.env"), "utf8")
        .trim()
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
    const id = plan.sandboxId;
    expect(env).toMatchObject({
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: id,
      CNI_NETNS: plan.netnsPath,
      CNI_IFNAME: "eth0",
      CNI_PATH: host.binDir,
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=${id};K8S_POD_UID=0f1e2d`,
    });
    expect(
      Object.keys(env)
        .filter((key) => !key.startsWith("CNI_"))
        .toSorted(),
    ).toEqual(["PATH", "PWD"]);
    const read = (name: string) => readFileSync(join(host.folder, name), "utf8");
    expect(JSON.parse(read("ADD-first.json"))).toEqual({
      type: "first",
      name: "x",
      cniVersion: "1.0.0",
      keep: { a: [1, null] },
      runtimeConfig: {
        portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "" }],
        "io.kubernetes.cri.pod-annotations": { "kubernetes.io/ingress-bandwidth": "10M", a: "b" },
      },
    });
    const second = read("ADD-second.json");
    expect(JSON.parse(second)).toMatchObject({
      runtimeConfig: { bandwidth: { ingressRate: 10_000_000, ingressBurst: 4_294_967_295 } },
      prevResult: { by: "first" },
    });
    expect(second).not.toContain("cni.dev/x");
    expect(second).toContain('"big":9007199254740993');
    expect(read("ADD-order")).toBe("first\nsecond\n");
    expect(read("DEL-order")).toBe("second\nfirst\n");
    for (const type of ["first", "second"]) {
      expect(JSON.parse(read(`DEL-${type}.json`))).toMatchObject({ prevResult: { by: "second" } });
    }
  });

  it("a plugin's error object becomes a typed error, and what came before it is given back", async () => {
    host.script(
      "full",
      `[ $CNI_COMMAND = ADD ] || exit 0
echo '{"cniVersion":"1.0.0","code":11,"msg":"no room","details":"try \\u001b[31mlater"}'; exit 1`,
    );
    host.configure("10-pods.conflist", host.bridgeList({ type: "full" }));
    const network = host.network();
    const plan = await planFor(network);
    const error = await failure(network.attach(plan, newTask()));
    expect(error).toBeInstanceOf(CniPluginError);
    expect(error).toMatchObject({ code: "UNAVAILABLE", cniCode: 11, plugin: "full", verb: "ADD", retryable: true });
    expect((error as Error).message).toContain('CNI ADD of network "pods": plugin "full" failed with code 11');
    expect((error as Error).message).not.toContain("\u001b");
    expect(host.leases()).toHaveLength(1);
    await network.detach(plan, undefined);
    expect(host.leases()).toEqual([]);
  });

  it.each([
    ["text that is no JSON", "echo hello", "can't be read"],
    ["no output at all", "true", "can't be read"],
    ["an address that is none", `echo '{"ips":[{"address":"10.0.0.1"}]}'`, "is not an address"],
    ["an interface that is not listed", `echo '{"ips":[{"address":"10.0.0.1/8","interface":3}]}'`, "interface 3"],
    ["no address", `echo '{"cniVersion":"1.0.0"}'`, "no address"],
    ["two megabytes", `head -c 2097152 /dev/zero | tr '\\0' ' '`, "more than 1048576 bytes"],
    ["deep nesting", `head -c 100000 /dev/zero | tr '\\0' '['`, "nested deeper"],
    ["an exit code alone", "echo oops >&2; exit 3", "exit code 3 without an error object"],
  ])("an ADD that answers %s is an error", async (_what, body, said) => {
    host.script("odd", body);
    host.configure("10-odd.conf", { cniVersion: "1.0.0", name: "odd", type: "odd" });
    const network = host.network();
    const error = await failure(network.attach(await planFor(network), newTask()));
    expect(isCriError(error, "INTERNAL")).toBe(true);
    expect((error as Error).message).toContain(said);
  });

  it("a plugin that hangs is ended at its deadline, and when the task is cancelled, with all that it started", async () => {
    const started = join(host.folder, "started");
    await host.exec(undefined, "mkfifo", started);
    host.script("slow", `sleep 1000 & echo $$ $! > ${started}; wait`);
    host.configure("10-slow.conf", { cniVersion: "1.0.0", name: "slow", type: "slow" });
    // A killed process needs a moment to be torn down.
    const expectEnded = (pids: string) =>
      vi.waitFor(() => {
        for (const pid of pids.trim().split(" ")) expect(isRunning(pid)).toBe(false);
      });

    const late = host.network({ addDeadlineMs: 1_000 });
    const [error, pids] = await Promise.all([
      failure(late.attach(await planFor(late), newTask())),
      readFile(started, "utf8"),
    ]);
    expect(isCriError(error, "DEADLINE_EXCEEDED")).toBe(true);
    expect((error as Error).message).toContain('CNI ADD of network "slow": plugin "slow"');
    await expectEnded(pids);

    const network = host.network();
    const abort = new AbortController();
    const attached = failure(network.attach(await planFor(network), newTask(abort.signal)));
    const running = await readFile(started, "utf8");
    abort.abort();
    expect(isCriError(await attached, "CANCELED")).toBe(true);
    await expectEnded(running);
  });

  it("gives back what a killed runtime's ADD made, whether its answer was noted or not", async () => {
    host.configure("10-pods.conflist", host.bridgeList());
    for (const forget of [false, true]) {
      const plan = await planFor();
      await host.network().attach(plan, newTask());
      expect(host.leases()).toHaveLength(1);
      const cacheDir = forget ? join(host.folder, "lost") : join(host.folder, "results");
      await host.network({ cacheDir }).detach(plan, undefined);
      expect(host.leases()).toEqual([]);
    }
  });

  it("ends an ADD that outlived the runtime before it deletes", async () => {
    await host.exec(undefined, "mkfifo", join(host.folder, "gate"), join(host.folder, "child"));
    host.script(
      "slow",
      `[ $CNI_COMMAND = DEL ] && exit; cat ${host.folder}/gate & echo $! > ${host.folder}/child; wait`,
    );
    host.configure("10-slow.conf", { cniVersion: "1.0.0", name: "slow", type: "slow" });
    const network = host.network();
    const plan = await planFor(network);
    const orphan = spawn([join(host.binDir, "slow")], {
      env: { PATH: "/usr/bin:/bin", CNI_COMMAND: "ADD", CNI_CONTAINERID: plan.sandboxId },
    });
    const other = spawn([join(host.binDir, "slow")], {
      env: { PATH: "/usr/bin:/bin", CNI_COMMAND: "DEL", CNI_CONTAINERID: `${plan.sandboxId}0` },
    });
    onTestFinished(() => void orphan.signalGroup(9));
    const child = await readFile(join(host.folder, "child"), "utf8");
    await network.detach(plan, undefined);
    expect((await orphan.exited).signal).toBe(9);
    expect(isRunning(child.trim())).toBe(false);
    expect((await other.exited).code).toBe(0);
  });

  it("deletes with an empty namespace after a reboot, by the configuration of the time of ADD", async () => {
    host.configure("10-pods.conflist", host.bridgeList());
    const plan = await planFor();
    const facts = await host.network().attach(plan, newTask());
    await unpinNamespace(plan.netnsPath);
    host.configure("10-pods.conflist", { cniVersion: "1.0.0", name: "other", plugins: [{ type: "loopback" }] });
    await host.network().detach(plan, facts);
    expect(host.leases()).toEqual([]);
  });

  it("removes attachments of sandboxes that no record names", async () => {
    host.configure("10-pods.conflist", host.bridgeList());
    const network = host.network();
    const [kept, stray] = [await planFor(network), await planFor(network)];
    const facts = await network.attach(kept, newTask());
    await network.attach(stray, newTask());
    writeFileSync(join(host.folder, "results/x-half"), '{"kind":"cni');
    const { sandboxId } = kept;
    const left = await host.network().removeUnrecorded(new Set([sandboxId]));
    expect(left).toEqual(["network by note x-half: it can't be read, and has been removed"]);
    expect(readdirSync(join(host.folder, "results"))).toEqual([`pods-${sandboxId}-eth0`]);
    expect(host.leases()).toEqual(facts.ips);
    await network.detach(kept, facts);
  });

  it("T9.03: a host port leads to the pod, and its rules are gone after DEL and after an ADD that failed", async () => {
    const portmap = { type: "portmap", capabilities: { portMappings: true } };
    host.configure("10-pods.conflist", host.bridgeList(portmap));
    const network = host.network();
    const ports = { portMappings: [{ protocol: 0, containerPort: 80, hostPort: 8080, hostIp: "" }] };
    const plan = await planFor(network, ports);
    const facts = await network.attach(plan, newTask());
    const server = spawn([
      "nsenter",
      `--net=${plan.netnsPath}`,
      "busybox",
      "nc",
      "-l",
      "-p",
      "80",
      "-e",
      "echo",
      "hello",
    ]);
    const gateway = "10.88.0.1";
    const ask = (address: string, port: string) =>
      host.exec(
        undefined,
        "sh",
        "-c",
        `for i in 1 2 3 4 5 6 7 8 9; do busybox nc -w 2 ${address} ${port} </dev/null && exit; sleep 0.1; done; exit 1`,
      );
    expect(await ask(gateway, "8080")).toBe("hello");
    await server.exited;
    expect(await host.exec(undefined, "iptables", "-t", "nat", "-S")).toMatch(/dport 8080 .*-j DNAT/);
    await network.detach(plan, facts);
    expect(await host.exec(undefined, "iptables", "-t", "nat", "-S")).not.toContain("8080");

    host.script("fails", "[ $CNI_COMMAND = ADD ] && exit 1; exit 0");
    host.configure("10-pods.conflist", host.bridgeList(portmap, { type: "fails" }));
    const before = await host.exec(undefined, "iptables", "-t", "nat", "-S");
    const second = await planFor(network, ports);
    await failure(network.attach(second, newTask()));
    expect(await host.exec(undefined, "iptables", "-t", "nat", "-S")).toContain("8080");
    await network.detach(second, undefined);
    expect(await host.exec(undefined, "iptables", "-t", "nat", "-S")).toBe(before);
    expect(host.leases()).toEqual([]);
  });

  it("check() tells that what a plugin made was taken away", async () => {
    host.configure("10-pods.conflist", host.bridgeList());
    const network = host.network();
    const plan = await planFor(network);
    const facts = await network.attach(plan, newTask());
    await host.exec(plan.netnsPath, "busybox", "ip", "addr", "flush", "dev", "eth0");
    expect(await failure(network.check(plan, facts))).toBeInstanceOf(CniPluginError);
    await network.detach(plan, facts);
  });

  it("status() asks plugins of version 1.1.0, and says why a network can't take pods", async () => {
    host.script(
      "asked",
      `[ $CNI_COMMAND = STATUS ] && [ -z "$CNI_CONTAINERID" ] || exit 9
[ -e ${host.folder}/up ] || { echo '{"code":50,"msg":"agent is down"}'; exit 1; }`,
    );
    host.configure("10-a.conf", { cniVersion: "1.1.0", name: "a", type: "asked" });
    expect(await host.network().status()).toMatchObject({
      status: false,
      reason: "NetworkPluginNotReady",
      message: expect.stringContaining("agent is down"),
    });
    await host.exec(undefined, "touch", join(host.folder, "up"));
    expect(await host.network().status()).toEqual({ status: true, reason: "", message: "" });
  });
});
