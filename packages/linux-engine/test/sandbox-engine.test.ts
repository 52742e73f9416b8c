import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname as hostHostname } from "node:os";
import { join } from "node:path";
import { isCriError } from "@keelson/cri-api/errors";
import { NamespaceMode } from "@keelson/cri-api/v1";
import { LeftBehind, type SandboxEngine } from "@keelson/runtime-core/ports";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { hierarchyRoots, makeCgroup } from "../src/cgroup/cgroup-folders.ts";
import { readCgroupLayout } from "../src/host/cgroup-layout.ts";
import { sandboxSteps } from "../src/sandbox/create.ts";
import { removeSandboxLeftovers } from "../src/sandbox/remove-leftovers.ts";
import { createSandboxEngine } from "../src/sandbox/sandbox-engine.ts";
import { recordedInit, sandboxParts } from "../src/sandbox/sandbox-parts.ts";
import { ownPrefix, sandboxPaths } from "../src/sandbox/sandbox-paths.ts";
import type { SandboxDeps } from "../src/sandbox/sandbox-tools.ts";
import { whyNotWhole } from "../src/sandbox/why-not-whole.ts";
import { unmount } from "../src/sys/mount.ts";
import { readMountInfo } from "../src/sys/mount-info.ts";
import { isPinned, unpinNamespace } from "../src/sys/namespace-pin.ts";
import { openProcess } from "../src/sys/pidfd.ts";
import { run } from "../src/sys/run.ts";
import { isErrno } from "../src/sys/syscall-error.ts";
import { initTools } from "./init-tools.ts";
import { openPluginHost, type PluginHost } from "./plugin-host.ts";
import { type Init, sandboxAdmitCases } from "./sandbox-admit-cases.ts";
import { removeTestCgroups } from "./test-cgroups.ts";
import { newId, newRecord, newTask, podConfig, type TestRecord } from "./test-pods.ts";

const nodeMode = (options: object): Init => ({
  linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.CONTAINER, ...options } } },
});

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.fail("it did not fail"),
    (error: unknown) => error,
  );

describe.skipIf(linuxGate.skip)("the sandbox engine", () => {
  let host: PluginHost;
  let deps: SandboxDeps;
  let engine: SandboxEngine;
  let prefix = "";

  beforeAll(async () => {
    host = await openPluginHost();
    const folders = {
      root: join(host.folder, "root"),
      state: join(host.folder, "state"),
      netnsFolder: join(host.folder, "netns"),
    };
    prefix = ownPrefix(folders.root);
    deps = {
      folders,
      network: host.network(),
      namespaces: host.namespaces,
      cgroups: { driver: "cgroupfs", prefix },
      cgroupLayout: readCgroupLayout,
      init: await initTools(folders),
    };
    const { facts } = deps.init;
    engine = createSandboxEngine({ ...deps, facts, hasHandler: (name) => name === "" });
    host.configure("10-pods.conflist", host.bridgeList());
  });
  afterEach(async () => {
    // For the tests after one that failed; after others there is nothing.
    host.configure("10-pods.conflist", host.bridgeList());
    await removeSandboxLeftovers(new Set(), deps);
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    for (const parent of [`/${prefix}`, `/${prefix}-kubelet`]) removeTestCgroups(parent);
  });

  const make = async (init: Init = {}): Promise<TestRecord & { readonly ips: readonly string[] }> => {
    const made = newRecord(podConfig(init));
    const { ips } = await engine.create(made.record(), made.journal, newTask());
    return { ...made, ips };
  };
  const inside = async (made: TestRecord, ...argv: string[]): Promise<string> => {
    const { namespaces } = sandboxParts(made.record(), deps.folders, deps.cgroups);
    const flags = Object.entries(namespaces).map(([kind, path]) => `--${kind}=${path}`);
    return (await run(["nsenter", ...flags, ...argv], { deadlineMs: 10_000 })).stdout.toString().trim();
  };
  const cgroupsOf = (path: string): string[] =>
    hierarchyRoots(readCgroupLayout())
      .map((root) => join(root, path))
      .filter((folder) => existsSync(folder));
  /** Everything on the machine that this engine made: files, mounts, cgroups, leases, results. */
  const traces = async (): Promise<unknown> => ({
    mounts: (await readMountInfo())
      .filter(
        ({ mountPoint }) =>
          mountPoint.startsWith(`${host.folder}/state`) || mountPoint.startsWith(`${host.folder}/netns`),
      )
      .map((one) => one.mountPoint),
    folders: ["state/sandboxes", "state/pod-inits/containers", "root/sandboxes", "netns", "results"].map((name) => {
      const folder = join(host.folder, name);
      return existsSync(folder) ? readdirSync(folder) : [];
    }),
    cgroups: cgroupsOf(`/${prefix}`),
    leases: host.leases(),
  });
  const nothing = { mounts: [], folders: [[], [], [], [], []], cgroups: [], leases: [] };

  it("makes a pod with namespaces of its own and gives all of it back", async () => {
    const pod = await make({
      hostname: "web-0",
      dnsConfig: { servers: ["10.96.0.10"], searches: ["default.svc", "svc"], options: ["ndots:5"] },
      linux: { sysctls: { "net.core.somaxconn": "321", "kernel/shmmni": "99" } },
    });
    const record = pod.record();
    const paths = sandboxPaths(deps.folders, record.id);
    const parts = sandboxParts(record, deps.folders, deps.cgroups);
    expect(parts).toEqual({
      pins: { network: paths.netns, ipc: paths.ipc, uts: paths.uts },
      namespaces: { net: paths.netns, ipc: paths.ipc, uts: paths.uts },
      files: {
        hostname: paths.files.hostname,
        hosts: paths.files.hosts,
        resolvConf: paths.files.resolvConf,
        shm: paths.shm,
      },
      cgroupParent: `/${prefix}/${record.id}`,
    });
    expect(await inside(pod, "busybox", "hostname")).toBe("web-0");
    expect(
      await inside(
        pod,
        "busybox",
        "sysctl",
        "-n",
        "net.core.somaxconn",
        "kernel.shmmni",
        "net.ipv4.ip_unprivileged_port_start",
      ),
    ).toBe("321\n99\n0");
    expect(await inside(pod, "busybox", "ip", "-o", "addr", "show", "dev", "eth0")).toContain(` ${pod.ips[0]}/24 `);
    expect(await inside(pod, "busybox", "ping", "-c", "1", "127.0.0.1")).toContain("1 packets received");
    expect(await host.exec(undefined, "busybox", "ping", "-c", "1", "-W", "5", pod.ips[0] ?? "")).toContain(
      "1 packets received",
    );
    expect(readFileSync(paths.files.hostname, "utf8")).toBe("web-0\n");
    expect(readFileSync(paths.files.resolvConf, "utf8")).toBe(
      "search default.svc svc\nnameserver 10.96.0.10\noptions ndots:5\n",
    );
    expect(readFileSync(paths.files.hosts, "utf8")).toBe(readFileSync("/etc/hosts", "utf8"));
    expect(cgroupsOf(parts.cgroupParent).length).toBe(hierarchyRoots(readCgroupLayout()).length);
    expect(await whyNotWhole(record, deps.folders)).toBeUndefined();

    await engine.stop(pod.record(), pod.journal);
    expect(host.leases()).toEqual([]);
    expect(existsSync(paths.netns) || existsSync(paths.stateFolder)).toBe(false);
    expect(existsSync(paths.files.hosts)).toBe(true);
    await engine.stop(pod.record(), pod.journal);
    await engine.remove(pod.record(), pod.journal);
    await engine.remove(pod.record(), pod.journal);
    expect(pod.journal.steps).toEqual([]);
    expect(await traces()).toEqual(nothing);
  });

  it("T9.02: a pod without an IPv6 address has no IPv6 on its interface", async () => {
    const pod = await make();
    for (const [key, value] of [
      ["eth0/disable_ipv6", "1"],
      ["eth0/accept_ra", "0"],
      ["lo/disable_ipv6", "0"],
    ] as const) {
      if (existsSync("/proc/sys/net/ipv6"))
        expect(await inside(pod, "cat", `/proc/sys/net/ipv6/conf/${key}`)).toBe(value);
    }
    await engine.remove(pod.record(), pod.journal);
  });

  it("keeps the host's namespaces for a pod that asks for them", async () => {
    const network = await make({ hostname: "ignored", ...nodeMode({ network: NamespaceMode.NODE }) });
    expect(network.ips).toEqual([]);
    expect(Object.keys(sandboxParts(network.record(), deps.folders, deps.cgroups).pins)).toEqual(["ipc"]);
    expect(await inside(network, "readlink", "/proc/self/ns/uts")).toBe(readlinkSync("/proc/self/ns/uts"));
    expect(network.journal.steps.map((one) => one.name)).not.toContain("attach-network");

    const both = await make(nodeMode({ network: NamespaceMode.NODE, ipc: NamespaceMode.NODE }));
    const parts = sandboxParts(both.record(), deps.folders, deps.cgroups);
    expect(parts.pins).toEqual({});
    expect(parts.files.shm).toBeUndefined();
    expect(readFileSync(parts.files.hostname, "utf8")).toBe(`${hostHostname()}\n`);
    expect(readFileSync(parts.files.resolvConf, "utf8")).toBe(readFileSync("/etc/resolv.conf", "utf8"));
    expect(await whyNotWhole(both.record(), deps.folders)).toBeUndefined();
    // as after a reboot
    rmSync(sandboxPaths(deps.folders, both.record().id).stateFolder, { recursive: true });
    expect(await whyNotWhole(both.record(), deps.folders)).toContain("is gone");
    for (const pod of [network, both]) {
      await engine.stop(pod.record(), pod.journal);
      await engine.remove(pod.record(), pod.journal);
    }
    expect(await traces()).toEqual(nothing);
  });

  it("leaves nothing behind when a step fails", async () => {
    host.script("fails", `[ $CNI_COMMAND = DEL ] || { echo '{"code":100,"msg":"no"}'; exit 1; }`);
    host.configure("10-pods.conflist", host.bridgeList({ type: "fails" }));
    const pod = newRecord(podConfig());
    const error = await failure(engine.create(pod.record(), pod.journal, newTask()));
    expect((error as Error).message).toContain('plugin "fails" failed with code 100');
    host.configure("10-pods.conflist", host.bridgeList());
    expect(pod.journal.steps).toEqual([]);
    expect(await traces()).toEqual(nothing);
  });

  it.each([...sandboxSteps.keys()])(
    "a next life reverts what was made until the runtime was killed after step %i",
    async (last) => {
      const securityContext = { namespaceOptions: { pid: NamespaceMode.POD } };
      const pod = newRecord(podConfig({ linux: { cgroupParent: `/${prefix}/given`, securityContext } }));
      const { promise: reached, resolve } = Promise.withResolvers<void>();
      const dying = {
        ...pod.journal,
        get steps() {
          return pod.journal.steps;
        },
        facts: async (name: string, facts: never) => {
          if (name !== sandboxSteps[last]?.name) return pod.journal.facts(name, facts);
          resolve(); // made, and never recorded: from here on this life does nothing more
          return new Promise<void>(() => {});
        },
      };
      engine.create(pod.record(), dying, newTask()).catch((error: unknown) => expect.fail(String(error)));
      await reached;
      expect(pod.journal.steps.at(-1)).toMatchObject({ name: sandboxSteps[last]?.name });
      expect(pod.journal.steps.at(-1)?.facts).toBeUndefined();

      const next = newRecord(pod.record().config, pod.record().id, pod.journal.steps);
      await engine.remove(next.record(), next.journal);
      expect(next.journal.steps).toEqual([]);
      expect(await traces()).toEqual(nothing);
    },
  );

  it("runs a first process for shared process IDs, and tells its loss", async () => {
    const pod = await make({
      linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.POD }, runAsUser: { value: 7n } } },
    });
    const paths = sandboxPaths(deps.folders, pod.record().id);
    const init = recordedInit(pod.record())?.facts?.init ?? { pid: 0, startTime: 0 };
    expect(sandboxParts(pod.record(), deps.folders, deps.cgroups).pins.pid).toBe(paths.pid);
    expect(String(statSync(paths.pid).ino)).toBe(/\d+/.exec(readlinkSync(`/proc/${init.pid}/ns/pid`))?.[0]);
    expect(readFileSync(`/proc/${init.pid}/status`, "utf8")).toMatch(/^Uid:(\t7){4}$/m);
    for (const kind of ["net", "ipc", "uts"] as const) {
      const pin = { net: paths.netns, ipc: paths.ipc, uts: paths.uts }[kind];
      expect(String(statSync(pin).ino)).toBe(/\d+/.exec(readlinkSync(`/proc/${init.pid}/ns/${kind}`))?.[0]);
    }
    expect(await whyNotWhole(pod.record(), deps.folders)).toBeUndefined();
    await unpinNamespace(paths.pid);
    expect(await whyNotWhole(pod.record(), deps.folders)).toContain("pid namespace is no longer pinned");
    using process = openProcess(init.pid, init.startTime);
    process?.signal(9);
    await process?.exited;
    expect(await whyNotWhole(pod.record(), deps.folders)).toContain("first process");
    await engine.stop(pod.record(), pod.journal);
    await engine.remove(pod.record(), pod.journal);
    expect(await traces()).toEqual(nothing);
  });

  it("ends the first process of a sandbox that no record names", async () => {
    const pod = await make({ linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.POD } } } });
    const init = recordedInit(pod.record())?.facts?.init ?? { pid: 0, startTime: 0 };
    using process = openProcess(init.pid, init.startTime);
    expect(await removeSandboxLeftovers(new Set(), deps)).toMatchObject({ left: [] });
    await process?.exited;
    expect(await traces()).toMatchObject({ mounts: [], cgroups: [] });
  });

  it("tells what is lost, and gives the rest back after a reboot", async () => {
    const pod = await make();
    const paths = sandboxPaths(deps.folders, pod.record().id);
    await unmount(paths.shm);
    expect(await whyNotWhole(pod.record(), deps.folders)).toContain("shared memory");
    await unpinNamespace(paths.ipc);
    await host.namespaces.create({ ipc: paths.ipc });
    expect(await whyNotWhole(pod.record(), deps.folders)).toContain("another ipc namespace");
    for (const pin of [paths.netns, paths.ipc, paths.uts]) await unpinNamespace(pin);
    writeFileSync(paths.netns, "");
    expect(await whyNotWhole(pod.record(), deps.folders)).toContain("net namespace is no longer pinned");
    await engine.stop(pod.record(), pod.journal);
    expect(host.leases()).toEqual([]);
    await engine.remove(pod.record(), pod.journal);
    expect(await traces()).toEqual(nothing);
  });

  it("keeps the namespaces until the network could be detached", async () => {
    host.script(
      "stuck",
      `[ $CNI_COMMAND = DEL ] && [ ! -e ${host.folder}/repaired ] && exit 1
[ $CNI_COMMAND = DEL ] || sed 's/.*"prevResult"://; s/}$//'`,
    );
    host.configure("10-pods.conflist", host.bridgeList({ type: "stuck" }));
    const pod = await make();
    const { netns } = sandboxPaths(deps.folders, pod.record().id);
    const error = await failure(engine.stop(pod.record(), pod.journal));
    expect(isCriError(error, "INTERNAL")).toBe(true);
    expect((error as Error).message).toContain("attach-network: CNI DEL of network");
    expect(await isPinned(netns)).toBe(true);
    writeFileSync(join(host.folder, "repaired"), "");
    await engine.stop(pod.record(), pod.journal);
    host.configure("10-pods.conflist", host.bridgeList());
    await engine.remove(pod.record(), pod.journal);
    expect(await traces()).toEqual(nothing);
  });

  it("says that it is left behind when a failed create could not be reverted", async () => {
    host.script("worst", "exit 1");
    host.configure("10-pods.conflist", host.bridgeList({ type: "worst" }));
    const pod = newRecord(podConfig());
    const error = await failure(engine.create(pod.record(), pod.journal, newTask()));
    expect(error).toBeInstanceOf(LeftBehind);
    expect(pod.journal.steps.map((one) => one.name)).toEqual(["pin-namespaces", "attach-network"]);
    host.script("worst", "exit 0");
    host.configure("10-pods.conflist", host.bridgeList());
    await engine.remove(pod.record(), pod.journal);
    expect(await traces()).toEqual(nothing);
  });

  it("removes what has our name and no record, and nothing else", async () => {
    const [kept, stray] = [await make(), await make()];
    mkdirSync(join(host.folder, "state/sandboxes/unrelated"));
    const { left, removed } = await removeSandboxLeftovers(new Set([kept.record().id]), deps);
    expect(left).toEqual([]);
    expect(removed).toHaveLength(4);
    rmdirSync(join(host.folder, "state/sandboxes/unrelated"));
    expect(existsSync(sandboxPaths(deps.folders, stray.record().id).files.folder)).toBe(false);
    expect(await whyNotWhole(kept.record(), deps.folders)).toBeUndefined();
    expect(host.leases()).toEqual(kept.ips);
    await engine.remove(kept.record(), kept.journal);
    expect(await traces()).toEqual(nothing);
  });

  it("a cgroup that was there before stays, one that was missing goes", async () => {
    const layout = readCgroupLayout();
    makeCgroup(layout, `/${prefix}-kubelet/pod1`);
    const theirs = await make({ linux: { cgroupParent: `/${prefix}-kubelet/pod1/` } });
    const missing = await make({ linux: { cgroupParent: `/${prefix}-kubelet/a/pod2` } });
    expect(cgroupsOf(`/${prefix}-kubelet/a/pod2`).length).toBeGreaterThan(0);
    for (const pod of [theirs, missing]) await engine.remove(pod.record(), pod.journal);
    expect(cgroupsOf(`/${prefix}-kubelet/a`)).toEqual([]);
    expect(cgroupsOf(`/${prefix}-kubelet/pod1`)).toHaveLength(hierarchyRoots(layout).length);
    removeTestCgroups(`/${prefix}-kubelet`);
  });

  it("a missing cgroup that another pod uses too stays until it is empty", async () => {
    const layout = readCgroupLayout();
    const shared = `/${prefix}-kubelet/shared`;
    const first = await make({ linux: { cgroupParent: shared } });
    const second = await make({ linux: { cgroupParent: shared } });
    makeCgroup(layout, `${shared}/container-of-second`);
    await engine.remove(first.record(), first.journal);
    expect(cgroupsOf(`${shared}/container-of-second`)).toHaveLength(hierarchyRoots(layout).length);
    await engine.remove(second.record(), second.journal);
    removeTestCgroups(`/${prefix}-kubelet`);
  });

  it("T4.05: shared memory is limited, and is given back with the pod", async () => {
    const pod = await make();
    const { shm } = sandboxPaths(deps.folders, pod.record().id);
    const mounted = (await readMountInfo()).find((one) => one.mountPoint === shm);
    expect(mounted?.superOptions).toContain("size=65536k");
    expect(mounted?.options).toEqual(expect.arrayContaining(["nosuid", "nodev", "noexec"]));
    expect(statSync(shm).mode & 0o7777).toBe(0o1777);
    expect(() => writeFileSync(join(shm, "more"), Buffer.alloc(65 * 1024 * 1024))).toThrow("ENOSPC");
    const holders = (): string[] =>
      readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && mountInfoOf(pid).includes(shm));
    expect(holders()).not.toEqual([]);
    await engine.stop(pod.record(), pod.journal);
    expect(holders()).toEqual([]); // the kernel frees a tmpfs with its last mount
    await engine.remove(pod.record(), pod.journal);
  });

  it("T7.01: only the daemon's user sees its folders, whatever the umask", async () => {
    const umask = process.umask(0);
    try {
      const pod = await make();
      const { files, namespaceFolder, stateFolder } = sandboxPaths(deps.folders, pod.record().id);
      for (const folder of [
        files.folder,
        namespaceFolder,
        stateFolder,
        join(host.folder, "root/sandboxes"),
        join(host.folder, "state/sandboxes"),
        join(host.folder, "results"),
      ]) {
        expect([folder, statSync(folder).mode & 0o777]).toEqual([folder, 0o700]);
      }
      for (const file of [files.hostname, files.hosts, files.resolvConf])
        expect(statSync(file).mode & 0o777).toBe(0o644);
      const [result = ""] = readdirSync(join(host.folder, "results"));
      expect(statSync(join(host.folder, "results", result)).mode & 0o777).toBe(0o600);
      await engine.remove(pod.record(), pod.journal);
    } finally {
      process.umask(umask);
    }
  });

  it("T4.04: does not go through a link that took the place of a sandbox's folder", async () => {
    const pod = await make();
    const { files } = sandboxPaths(deps.folders, pod.record().id);
    const elsewhere = join(host.folder, "elsewhere");
    renameSync(files.folder, elsewhere);
    symlinkSync(elsewhere, files.folder);
    const error = await failure(engine.remove(pod.record(), pod.journal));
    expect((error as Error).message).toContain("not a folder any more");
    expect(readdirSync(elsewhere).toSorted()).toEqual(["hostname", "hosts", "resolv.conf"]);
    unlinkSync(files.folder);
    renameSync(elsewhere, files.folder);
    await engine.remove(pod.record(), pod.journal);
    expect(await traces()).toEqual(nothing);
  });

  it("inspect() shows what tools read from containerd", async () => {
    const pod = await make({
      labels: { app: "web" },
      portMappings: [{ protocol: 0, containerPort: 80, hostPort: 8080, hostIp: "" }],
    });
    const { info } = (await engine.inspect({ ...pod.record(), facts: { ips: pod.ips } })) as {
      info: Record<string, unknown>;
    };
    const { netns } = sandboxPaths(deps.folders, pod.record().id);
    expect(info).toMatchObject({
      pid: 0,
      netNamespaceClosed: false,
      sandboxMetadata: { Metadata: { ID: pod.record().id, NetNSPath: netns, IP: pod.ips[0], RuntimeHandler: "" } },
      cniResult: { Interfaces: { eth0: { IPConfigs: [{ IP: pod.ips[0], Gateway: "10.88.0.1" }], Sandbox: netns } } },
      config: { metadata: { name: "web" }, labels: { app: "web" } },
      reported: [{ field: "port_mappings", why: expect.stringContaining('network "pods"') }],
      runtimeSpec: { linux: { namespaces: expect.arrayContaining([{ type: "network", path: netns }]) } },
    });
    await engine.remove(pod.record(), pod.journal);
  });

  it("inspect() shows a pod of a time with another cgroup driver, and tells what no longer goes", async () => {
    const cgroupParent = `/keelson-test-${newId().slice(0, 12)}`;
    const pod = await make({ linux: { cgroupParent } });
    const cgroups = { ...deps.cgroups, driver: "systemd" } as const;
    const facts = { ...deps.init.facts, cgroupDriver: "systemd" } as const;
    const later = createSandboxEngine({ ...deps, cgroups, facts, hasHandler: () => true });
    expect(await later.inspect(pod.record())).toMatchObject({
      info: {
        config: { linux: { cgroup_parent: cgroupParent } },
        runtimeSpec: { linux: { cgroupsPath: cgroupParent } },
        reported: [{ field: "config", why: expect.stringContaining("is not a systemd slice") }],
      },
    });
    await engine.remove(pod.record(), pod.journal);
  });

  sandboxAdmitCases(() => engine, make);
});

function mountInfoOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "EINVAL")) return ""; // ended meanwhile
    throw error;
  }
}
