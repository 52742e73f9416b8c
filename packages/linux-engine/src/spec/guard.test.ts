import { create, type DescMessage } from "@bufbuild/protobuf";
import {
  ContainerConfigSchema,
  file_runtime_v1_api as file,
  NamespaceMode,
  PodSandboxConfigSchema,
  SecurityProfile_ProfileType,
} from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import {
  containerConfig,
  hostFacts,
  ordinaryNamespaces,
  poorFacts,
  sandboxConfig,
  withContext,
} from "../../test/spec/fixtures.ts";
import { admitContainer, admitSandbox, listFieldRules, ruleTables } from "./guard.ts";
import type { HostFacts } from "./host-facts.ts";

const { CONTAINER, NODE, POD, TARGET } = NamespaceMode;
const { Localhost, RuntimeDefault } = SecurityProfile_ProfileType;

const messages = [
  "Capability",
  "ContainerConfig",
  "Device",
  "HugepageLimit",
  "LinuxContainerConfig",
  "LinuxContainerResources",
  "LinuxContainerSecurityContext",
  "LinuxPodSandboxConfig",
  "LinuxSandboxSecurityContext",
  "Mount",
  "NamespaceOption",
  "PodSandboxConfig",
  "SELinuxOption",
  "SecurityProfile",
  "UserNamespace",
];

describe("the list of default deny", () => {
  it("has these messages, each once", () => {
    expect(ruleTables.map(({ message }) => message.name).sort()).toEqual(messages);
  });

  it.each(messages)("has a rule for every field of %s, and no other", (name) => {
    const message = file.messages.find((candidate) => candidate.name === name);
    const table = ruleTables.find((candidate) => candidate.message.name === name);
    const fields = message?.fields.map((field) => field.localName).sort();
    expect(fields).not.toHaveLength(0);
    expect(Object.keys(table?.rules ?? {}).sort()).toEqual(fields);
  });

  it("says in words what becomes of each, under the protocol's names", () => {
    const rows = listFieldRules();
    for (const row of rows) expect([row.field, row.text.trim().length > 3]).toEqual([row.field, true]);
    expect(rows).toContainEqual({
      field: "runtime.v1.ContainerConfig.CDI_devices",
      verdict: "refused",
      text: "any device",
    });
    expect(new Set(rows.map((row) => row.field)).size).toBe(rows.length);
  });
});

const hugepages = [
  { pageSize: "2MB", limit: 0n },
  { pageSize: "1GB", limit: 0n },
];
const kubeletPod = () =>
  sandboxConfig({
    dnsConfig: { servers: ["10.96.0.10"], searches: ["default.svc.cluster.local"], options: ["ndots:5"] },
    linux: {
      cgroupParent: "/kubepods.slice/kubepods-pod1.slice",
      overhead: {},
      resources: {},
      securityContext: {
        namespaceOptions: ordinaryNamespaces,
        seccomp: { profileType: RuntimeDefault },
      },
    },
  });
const kubeletContainer = () =>
  containerConfig({
    mounts: [{ containerPath: "/etc/hosts", hostPath: "/var/lib/kubelet/etc-hosts", selinuxRelabel: true }],
    linux: {
      resources: { cpuShares: 2n, cpuPeriod: 100_000n, oomScoreAdj: 1000n, hugepageLimits: hugepages },
      securityContext: {
        namespaceOptions: ordinaryNamespaces,
        runAsUser: { value: 0n },
        maskedPaths: ["/proc/kcore"],
        readonlyPaths: ["/proc/sys"],
        seccomp: { profileType: RuntimeDefault },
      },
    },
  });

describe("admitSandbox() and admitContainer()", () => {
  it.each([
    { name: "cgroup v2 with systemd", facts: hostFacts() },
    { name: "cgroup v1 without hugetlb", facts: poorFacts() },
  ])("admit an ordinary pod of the kubelet on $name", ({ facts }) => {
    expect(admitSandbox(kubeletPod(), facts).map((item) => item.field)).toEqual([
      "linux.security_context.seccomp",
      "linux.overhead",
      "linux.resources",
    ]);
    expect(admitContainer(kubeletContainer(), kubeletPod(), facts)).toEqual([]);
    const onSelinux = admitContainer(kubeletContainer(), kubeletPod(), { ...facts, selinux: true });
    expect(onSelinux.map((item) => item.field)).toEqual(["mounts[0].selinux_relabel"]);
  });

  it("admit the smallest configurations that crictl can send", () => {
    const sandbox = create(PodSandboxConfigSchema, { metadata: { name: "a", uid: "b", namespace: "c" }, linux: {} });
    const container = create(ContainerConfigSchema, { metadata: { name: "a" }, image: { image: "busybox" } });
    expect(admitSandbox(sandbox, poorFacts())).toEqual([]);
    expect(admitContainer(container, sandbox, poorFacts())).toEqual([]);
    expect(admitContainer(create(ContainerConfigSchema, { linux: {} }), sandbox, poorFacts())).toEqual([]);
  });

  it("report what is ignored, and fields of a protocol to come", () => {
    const sandbox = sandboxConfig({}, { seccompProfilePath: "unconfined", seccomp: {} });
    expect(admitSandbox(sandbox, hostFacts())).toMatchObject([
      { field: "linux.security_context.seccomp" },
      { field: "linux.security_context.seccomp_profile_path", why: expect.stringContaining("has no process") },
    ]);
    const container = containerConfig({ stdin: true, stdinOnce: true, windows: {} });
    container.$unknown = [{ no: 99, wireType: 0, data: Uint8Array.of(1) }];
    expect(admitContainer(container, sandboxConfig(), hostFacts())).toMatchObject([
      { field: "field 99" },
      { field: "stdin_once", value: "true", why: "says when Attach closes standard input: Attach is not served" },
      { field: "windows", why: "for nodes with Windows" },
    ]);
  });
});

interface Case {
  readonly at: string;
  readonly run: () => unknown;
}

const facts = hostFacts();
const inSandbox = (
  at: string,
  context: Parameters<typeof sandboxConfig>[1],
  changes: Partial<HostFacts> = {},
): Case => ({
  at,
  run: () => admitSandbox(sandboxConfig({}, context), hostFacts(changes)),
});
const inContext = (
  at: string,
  context: Parameters<typeof withContext>[0],
  changes: Partial<HostFacts> = {},
  sandbox = sandboxConfig(),
): Case => ({
  at: `linux.security_context.${at}`,
  run: () => admitContainer(withContext(context), sandbox, hostFacts(changes)),
});
const inConfig = (
  at: string,
  config: Parameters<typeof containerConfig>[0],
  changes: Partial<HostFacts> = {},
): Case => ({
  at,
  run: () => admitContainer(containerConfig(config), sandboxConfig(), hostFacts(changes)),
});
const inResources = (at: string, resources: object, changes: Partial<HostFacts> = { controllers: new Set() }): Case =>
  inConfig(`linux.resources.${at}`, { linux: { resources } }, changes);
const inMount = (at: string, mount: object, changes: Partial<HostFacts> = {}): Case =>
  inConfig(`mounts[0].${at}`, { mounts: [{ containerPath: "/d", hostPath: "/h", ...mount }] }, changes);
const options = { ...ordinaryNamespaces };
const ids = [{ hostId: 100_000, containerId: 0, length: 65_536 }];
const path = "linux.security_context.namespace_options";

/** Every value that is refused by name. */
const cases: Case[] = [
  inSandbox(`${path}.pid`, { namespaceOptions: { ...options, pid: TARGET } }, { targetPidNamespaces: true }),
  inSandbox(`${path}.pid`, { namespaceOptions: { ...options, pid: 7 as NamespaceMode } }),
  inSandbox(`${path}.network`, { namespaceOptions: { ...options, network: CONTAINER } }),
  inSandbox(`${path}.ipc`, { namespaceOptions: { ...options, ipc: TARGET } }),
  inSandbox(`${path}.userns_options.mode`, { namespaceOptions: { ...options, usernsOptions: { mode: POD } } }),
  inSandbox(`${path}.userns_options.uids`, {
    namespaceOptions: { ...options, usernsOptions: { mode: NODE, uids: ids } },
  }),
  inSandbox(`${path}.userns_options.gids`, {
    namespaceOptions: { ...options, usernsOptions: { mode: NODE, gids: ids } },
  }),
  inSandbox("linux.security_context.selinux_options.level", { selinuxOptions: { level: "s0:c1,c2" } }),
  {
    at: "linux.sysctls",
    run: () => admitSandbox(sandboxConfig({ linux: { sysctls: { "kernel.core_pattern": "x" } } }), facts),
  },
  {
    at: "linux.sysctls",
    run: () =>
      admitSandbox(
        sandboxConfig({
          linux: {
            sysctls: { "net.core.somaxconn": "1" },
            securityContext: { namespaceOptions: { ...options, network: NODE } },
          },
        }),
        facts,
      ),
  },
  inContext("namespace_options.pid", { namespaceOptions: { ...options, pid: POD } }),
  inContext("namespace_options.pid", { namespaceOptions: { ...options, pid: NODE } }),
  inContext("namespace_options.pid", { namespaceOptions: { ...options, pid: TARGET, targetId: "x" } }),
  inContext("namespace_options.target_id", { namespaceOptions: { ...options, targetId: "x" } }),
  inContext("namespace_options.network", { namespaceOptions: { ...options, network: NODE } }),
  inContext("namespace_options.ipc", { namespaceOptions: { ...options, ipc: NODE } }),
  inContext("privileged", { privileged: true }),
  inContext("selinux_options.user", { selinuxOptions: { user: "u" } }),
  inContext("selinux_options.role", { selinuxOptions: { role: "r" } }),
  inContext("selinux_options.type", { selinuxOptions: { type: "spc_t" } }),
  inContext("selinux_options.level", { selinuxOptions: { level: "s0" } }),
  inContext("supplemental_groups_policy", { supplementalGroupsPolicy: 5 as never }),
  inContext(
    "capabilities.add_capabilities",
    { capabilities: { addCapabilities: ["BPF"] } },
    { capabilities: new Set() },
  ),
  inContext(
    "capabilities.add_ambient_capabilities",
    { capabilities: { addAmbientCapabilities: ["BPF"] } },
    { capabilities: new Set() },
  ),
  inContext("seccomp", { seccomp: { profileType: RuntimeDefault } }, { seccomp: false }),
  inContext("seccomp_profile_path", { seccompProfilePath: "runtime/default" }, { seccomp: false }),
  inContext("apparmor", { apparmor: { profileType: Localhost, localhostRef: "mine" } }),
  inContext("apparmor_profile", { apparmorProfile: "localhost/mine" }, { apparmor: { loaded: new Set() } }),
  inContext("apparmor", { apparmor: { profileType: RuntimeDefault } }, { apparmor: { loaded: new Set() } }),
  inMount("uidMappings", { uidMappings: ids }),
  inMount("gidMappings", { gidMappings: ids }),
  inMount("recursive_read_only", { readonly: true, recursiveReadOnly: true }, { recursiveReadOnlyMounts: false }),
  inMount("image_sub_path", { imageSubPath: "a" }),
  inMount("mount_options", { mountOptions: ["noexec"] }),
  inConfig("CDI_devices", { CDIDevices: [{ name: "vendor.com/gpu=0" }] }),
  inResources("cpu_shares", { cpuShares: 2n }),
  inResources("cpu_quota", { cpuQuota: 1000n }),
  inResources("memory_limit_in_bytes", { memoryLimitInBytes: 1n }),
  inResources("cpuset_cpus", { cpusetCpus: "0" }),
  inResources("cpuset_mems", { cpusetMems: "0" }),
  inResources("hugepage_limits[0].limit", { hugepageLimits: [{ pageSize: "2MB", limit: 4n }] }),
  inResources("unified", { unified: { "memory.high": "1" } }, {}),
  inResources("unified", { unified: { "pids.max": "1" } }, { cgroupVersion: 1 }),
];

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toMatchObject({ code: "FAILED_PRECONDITION" });
    return (error as Error).message;
  }
  return "admitted";
}

/** `linux.resources.unified` → `runtime.v1.LinuxContainerResources.unified`, from the message that was admitted. */
function fieldOf(at: string, root: DescMessage): string | undefined {
  let message: DescMessage | undefined = root;
  let name: string | undefined;
  for (const part of at.replaceAll(/\[\d+\]/g, "").split(".")) {
    const field: DescMessage["fields"][number] | undefined = message?.fields.find(
      (candidate) => candidate.name === part,
    );
    if (field === undefined) return undefined;
    name = `${message?.typeName}.${field.name}`;
    message = field.message;
  }
  return name;
}

describe("default deny, by value", () => {
  it.each(cases.map((item, index) => ({ ...item, index })))("refuses $at (case $index)", ({ at, run }) => {
    expect(messageOf(run)).toMatch(new RegExp(`^admit ${at.replaceAll(/[.[\]]/g, "\\$&")}: value is .+, .+`));
  });

  it("has a case above for every rule that can refuse", () => {
    const covered = new Set(
      cases.flatMap(({ at }) => [fieldOf(at, ContainerConfigSchema), fieldOf(at, PodSandboxConfigSchema)]),
    );
    const refusable = ruleTables.flatMap(({ message, rules }) =>
      message.fields
        .filter((field) => {
          const rule = rules[field.localName];
          return rule !== undefined && rule.verdict !== "ignored" && rule.refuse !== undefined;
        })
        .map((field) => `${message.typeName}.${field.name}`),
    );
    expect(refusable.filter((field) => !covered.has(field))).toEqual([]);
  });

  it("admits what agrees with the sandbox", () => {
    const host = { ...options, network: NODE, ipc: NODE, pid: NODE };
    const sandbox = sandboxConfig({}, { privileged: true, namespaceOptions: host });
    expect(admitSandbox(sandbox, facts)).toEqual([]);
    expect(admitContainer(withContext({ namespaceOptions: host, privileged: true }), sandbox, facts)).toEqual([]);
    expect(admitContainer(withContext({ namespaceOptions: { ...options, pid: POD } }), sandbox, facts)).toEqual([]);
  });

  it("admits shared process IDs, and joined ones where the engine keeps them", () => {
    const able = hostFacts({ targetPidNamespaces: true });
    const sandbox = sandboxConfig({}, { namespaceOptions: { ...options, pid: POD } });
    expect(admitSandbox(sandbox, able)).toEqual([]);
    for (const pid of [POD, TARGET]) {
      expect(admitContainer(withContext({ namespaceOptions: { ...options, pid } }), sandbox, able)).toEqual([]);
    }
  });
});

describe("values that mean nothing", () => {
  it.each([
    { name: "a hostname with a newline", run: () => admitSandbox(sandboxConfig({ hostname: "a\nb" }), facts) },
    {
      name: "a user of no number, in a sandbox without a process of its own",
      run: () => admitSandbox(sandboxConfig({ linux: { securityContext: { runAsUser: { value: -1n } } } }), facts),
    },
    { name: "a long hostname", run: () => admitSandbox(sandboxConfig({ hostname: "a".repeat(65) }), facts) },
    {
      name: "a DNS search with a line of its own",
      run: () => admitSandbox(sandboxConfig({ dnsConfig: { searches: ["a\nnameserver 6.6.6.6"] } }), facts),
    },
    {
      name: "T6.03 a cgroup parent that climbs",
      run: () => admitSandbox(sandboxConfig({ linux: { cgroupParent: "/a/../../b.slice" } }), facts),
    },
    {
      name: "T6.01 a sysctl that carries another",
      run: () => admitSandbox(sandboxConfig({ linux: { sysctls: { "net.core.somaxconn": "1+kernel.x=1" } } }), facts),
    },
    {
      name: "T3.07 a bind path of 70 KiB",
      run: () =>
        admitContainer(
          containerConfig({ mounts: [{ containerPath: "/d", hostPath: `/${"x".repeat(71_680)}` }] }),
          sandboxConfig(),
          facts,
        ),
    },
    {
      name: "T3.08 an empty Localhost profile",
      run: () => admitContainer(withContext({ seccomp: { profileType: Localhost } }), sandboxConfig(), facts),
    },
    {
      name: "T3.11 an env without a name",
      run: () => admitContainer(containerConfig({ envs: [{}] }), sandboxConfig(), facts),
    },
    {
      name: "T5.01 a user beyond 31 bits",
      run: () => admitContainer(withContext({ runAsUser: { value: 2n ** 31n } }), sandboxConfig(), facts),
    },
    {
      name: "T5.04 an unknown capability",
      run: () => admitContainer(withContext({ capabilities: { addCapabilities: ["X"] } }), sandboxConfig(), facts),
    },
    {
      name: "an argument of 10 MiB",
      run: () => admitContainer(containerConfig({ args: ["x".repeat(10 * 2 ** 20)] }), sandboxConfig(), facts),
    },
  ])("refuses $name", ({ run }) => {
    expect(run).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});
