import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SecurityProfile_ProfileType } from "@keelson/cri-api/v1";
import { expect, expectRefusal, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { recorded } from "./recorded.ts";

type Info = Readonly<Record<string, unknown>>;

const security = (info: Info, path: string): string => recorded(info, `config.linux.security_context.${path}`);

export const readOnlyRoot: Case = defineCase({
  name: "a container with a read-only root file system can't write there, and another can",
  cites: "runtime.v1 LinuxContainerSecurityContext.readonly_rootfs",
  covers: ["LinuxContainerSecurityContext.readonly_rootfs"],
  critest: [
    "[k8s.io] Security Context bucket runtime should support that ReadOnlyRootfs is true",
    "[k8s.io] Security Context bucket runtime should support that ReadOnlyRootfs is false",
  ],
  async run({ pod }) {
    const [one, other] = [await pod.start({ security: { readonlyRootfs: true } }), await pod.start()];
    const ways = {
      inside: "if touch /conformance 2>/dev/null; then echo writable; else echo read-only; fi",
      recorded: (info: Info) => (security(info, "readonly_rootfs") === "true" ? "read-only" : "writable"),
    };
    expect([await one.observe(ways), await other.observe(ways)]).toEqual(["read-only", "writable"]);
  },
});

export const capabilities: Case = defineCase({
  name: "ALL capabilities dropped and one added leaves that one, and a dropped one is gone",
  cites: "runtime.v1 Capability: ALL counts first and single names after it",
  covers: ["LinuxContainerSecurityContext.capabilities", "Capability.add_capabilities", "Capability.drop_capabilities"],
  critest: [
    "[k8s.io] Security Context bucket runtime should support adding capability",
    "[k8s.io] Security Context bucket runtime should support dropping capability",
    "[k8s.io] Security Context bucket runtime should support dropping ALL capabilities",
  ],
  async run({ pod }) {
    const only = { addCapabilities: ["NET_ADMIN"], dropCapabilities: ["ALL"] };
    const less = { addCapabilities: [], dropCapabilities: ["CHOWN"] };
    const [one, other] = [
      await pod.start({ security: { capabilities: only } }),
      await pod.start({ security: { capabilities: less } }),
    ];
    const netAdmin = 1n << 12n;
    const chown = 1n << 0n;
    const effective = {
      inside: "awk '/^CapEff:/ { print $2 }' /proc/1/status",
      recorded(info: Info) {
        const listed = (part: string) => security(info, `capabilities.${part}`);
        const added = listed("add_capabilities").includes("NET_ADMIN") ? netAdmin : 0n;
        const rest = listed("drop_capabilities").includes("ALL") ? 0n : 0xa80425fbn;
        return (added | (listed("drop_capabilities").includes("CHOWN") ? rest & ~chown : rest)).toString(16);
      },
    };
    expect(BigInt(`0x${await one.observe(effective)}`)).toBe(netAdmin);
    const left = BigInt(`0x${await other.observe(effective)}`);
    expect([left & chown, left === 0n]).toEqual([0n, false]);
  },
});

export const ambientCapabilities: Case = defineCase({
  name: "an ambient capability is kept by another user than root",
  cites: "runtime.v1 Capability.add_ambient_capabilities: processes of other users than root keep them; KEP-2763",
  covers: ["Capability.add_ambient_capabilities"],
  async run({ pod }) {
    const c = await pod.start({
      security: {
        runAsUser: { value: 1000n },
        capabilities: { addAmbientCapabilities: ["NET_BIND_SERVICE"], dropCapabilities: ["ALL"] },
      },
    });
    const found = await c.observe({
      inside: "awk '/^CapAmb:/ { print $2 }' /proc/1/status",
      recorded: (info) =>
        security(info, "capabilities.add_ambient_capabilities").includes("NET_BIND_SERVICE") ? "400" : "0",
    });
    expect(BigInt(`0x${found}`)).toBe(1n << 10n);
  },
});

export const noNewPrivileges: Case = defineCase({
  name: "a container with no_new_privs can't gain privileges by its programs, and another can",
  cites: "runtime.v1 LinuxContainerSecurityContext.no_new_privs",
  covers: ["LinuxContainerSecurityContext.no_new_privs"],
  critest: [
    "[k8s.io] Security Context NoNewPrivs should not allow privilege escalation when true",
    "[k8s.io] Security Context NoNewPrivs should allow privilege escalation when false",
  ],
  async run({ pod }) {
    const [one, other] = [await pod.start({ security: { noNewPrivs: true } }), await pod.start()];
    const ways = {
      inside: "awk '/^NoNewPrivs:/ { print $2 }' /proc/1/status",
      recorded: (info: Info) => (security(info, "no_new_privs") === "true" ? "1" : "0"),
    };
    expect([await one.observe(ways), await other.observe(ways)]).toEqual(["1", "0"]);
  },
});

export const maskedPaths: Case = defineCase({
  name: "a masked path reads as empty, and a read-only one can't be written",
  cites: "runtime.v1 LinuxContainerSecurityContext: masked_paths, readonly_paths",
  covers: ["LinuxContainerSecurityContext.masked_paths", "LinuxContainerSecurityContext.readonly_paths"],
  critest: [
    "[k8s.io] Security Context bucket runtime should support MaskedPaths",
    "[k8s.io] Security Context bucket runtime should support ReadonlyPaths",
  ],
  async run({ pod }) {
    const asked = { maskedPaths: ["/etc/group", "/home"], readonlyPaths: ["/tmp"] };
    const c = await pod.start({ security: asked });
    const found = await c.observe({
      inside:
        "echo $(wc -c < /etc/group) $(ls /home | wc -l) $(wc -l < /etc/passwd)\n" +
        "if touch /tmp/conformance 2>/dev/null; then echo writable; else echo read-only; fi",
      recorded(info) {
        const masked = security(info, "masked_paths") === JSON.stringify(asked.maskedPaths);
        const kept = security(info, "readonly_paths") === JSON.stringify(asked.readonlyPaths);
        return `${masked ? "0 0 3" : ""}\n${kept ? "read-only" : ""}`;
      },
    });
    expect(found).toMatch(/^0 0 [1-9][0-9]*\nread-only$/);
  },
});

export const seccompProfiles: Case = defineCase({
  name: "RuntimeDefault filters system calls, and Unconfined filters none",
  cites: "runtime.v1 SecurityProfile: RuntimeDefault, Unconfined",
  covers: ["LinuxContainerSecurityContext.seccomp", "SecurityProfile.profile_type"],
  critest: [
    "[k8s.io] Security Context SeccompProfilePath should support seccomp default on the container",
    "[k8s.io] Security Context SeccompProfilePath should support seccomp unconfined on the container",
  ],
  async run({ pod }) {
    const [one, other] = [
      await pod.start({ security: { seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault } } }),
      await pod.start({ security: { seccomp: { profileType: SecurityProfile_ProfileType.Unconfined } } }),
    ];
    const ways = {
      inside: "awk '/^Seccomp:/ { print $2 }' /proc/1/status",
      recorded: (info: Info) => (security(info, "seccomp") === "{}" ? "2" : "none"),
    };
    expect(await one.observe(ways)).toBe("2");
    // as much as filters this process, from which a runtime in a container has its own
    const none = { inside: ways.inside, recorded: (info: Info) => security(info, "seccomp.profile_type") };
    const unfiltered = pod.config.linux === undefined ? "" : await node("Seccomp");
    expect(["1", "Unconfined", unfiltered]).toContain(await other.observe(none));
  },
});

async function node(field: string): Promise<string> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  return new RegExp(`^${field}:\\s*(\\S+)`, "m").exec(status)?.[1] ?? "";
}

export const ownSeccompProfile: Case = defineCase({
  name: "a seccomp profile of the node's refuses the system calls that it names, also under the old field's name",
  cites: "runtime.v1 SecurityProfile.localhost_ref: the absolute path of a JSON file; OCI runtime-spec seccomp",
  covers: [
    "SecurityProfile.localhost_ref",
    "SecurityProfile.profile_type",
    "LinuxContainerSecurityContext.seccomp_profile_path",
  ],
  critest: [
    "[k8s.io] Security Context SeccompProfilePath should support seccomp localhost profile on the container",
    "[k8s.io] Security Context SeccompProfilePath runtime should support an seccomp profile that blocks setting hostname with SYS_ADMIN",
  ],
  async run({ pod, defer }) {
    const folder = await mkdtemp(join(tmpdir(), "keelson-conformance-"));
    defer("folder", () => rm(folder, { recursive: true, force: true }));
    const file = join(folder, "profile.json");
    const names = ["mkdir", "mkdirat"];
    const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names, action: "SCMP_ACT_ERRNO" }] };
    await writeFile(file, JSON.stringify(profile));
    const { Localhost } = SecurityProfile_ProfileType;
    const old = `localhost/${file}`;
    const inside = "if mkdir /tmp/conformance 2>/dev/null; then echo made; else echo refused; fi";
    const one = await expectSuccess(
      pod.start({ security: { seccomp: { profileType: Localhost, localhostRef: file } } }),
    );
    const other = await pod.start({ security: { seccompProfilePath: old } });
    const byField = await one.observe({
      inside,
      recorded: (info) =>
        security(info, "seccomp.localhost_ref") === file &&
        /^(2|Localhost)$/.test(security(info, "seccomp.profile_type"))
          ? "refused"
          : "made",
    });
    const byPath = await other.observe({
      inside,
      recorded: (info) => (security(info, "seccomp_profile_path") === old ? "refused" : "made"),
    });
    expect({ byField, byPath }).toEqual({ byField: "refused", byPath: "refused" });
  },
});

export const unknownSeccompProfile: Case = defineCase({
  name: "a seccomp profile that is not on the node runs no container without it",
  cites: "runtime.v1 SecurityProfile.ProfileType: an unknown one fails the create",
  covers: [],
  needs: ["inside"],
  async run({ pod, unique }) {
    const { Localhost } = SecurityProfile_ProfileType;
    await pod.run();
    const security = { seccomp: { profileType: Localhost, localhostRef: `/there/is/no/${unique}.json` } };
    await expectRefusal(pod.start({ security }));
  },
});

export const privileged: Case = defineCase({
  name: "a privileged container has the node's capabilities and no filter of system calls",
  cites: "runtime.v1 LinuxContainerSecurityContext.privileged: as root on the node",
  covers: ["LinuxContainerSecurityContext.privileged", "LinuxSandboxSecurityContext.privileged"],
  critest: [
    "[k8s.io] Security Context bucket runtime should support Privileged is true",
    "[k8s.io] Security Context bucket runtime should support Privileged is false",
  ],
  async run({ anotherPod }) {
    const pod = anotherPod({ security: { privileged: true } });
    const seccomp = { profileType: SecurityProfile_ProfileType.RuntimeDefault };
    const [one, other] = [
      await expectSuccess(pod.start({ security: { privileged: true, seccomp } })),
      await pod.start(),
    ];
    const sysAdmin = 1n << 21n;
    const ways = {
      inside: "awk '/^CapEff:/ { print $2 }' /proc/1/status",
      recorded: (info: Info) => (security(info, "privileged") === "true" ? "1ffffffffff" : "a80425fb"),
    };
    const [all, some] = [await one.observe(ways), await other.observe(ways)];
    expect([BigInt(`0x${all}`) & sysAdmin, BigInt(`0x${some}`) & sysAdmin]).toEqual([sysAdmin, 0n]);
  },
});

export const privilegedInOrdinary: Case = defineCase({
  name: "a privileged container in a sandbox that is not privileged is refused",
  cites: "runtime.v1 LinuxSandboxSecurityContext.privileged: a privileged container in a sandbox without it is refused",
  covers: [],
  async run({ cri, pod }) {
    await pod.run();
    await expectRefusal(pod.create({ security: { privileged: true } }));
    const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    expect(containers).toEqual([]);
  },
});
