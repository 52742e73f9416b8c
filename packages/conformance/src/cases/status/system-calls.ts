import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SecurityProfile_ProfileType } from "@keelson/cri-api/v1";
import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

const { Localhost, Unconfined } = SecurityProfile_ProfileType;
const seccompPath = "[k8s.io] Security Context SeccompProfilePath";
const addCapabilities = (...names: readonly string[]) => ({
  capabilities: { addCapabilities: [...names], dropCapabilities: [] },
});

export const hostnameWithRight: Case = defineCase({
  name: "a container with SYS_ADMIN and no filter sets its hostname, one without SYS_ADMIN can't",
  cites: "runtime.v1 SecurityProfile: Unconfined; capabilities(7) CAP_SYS_ADMIN",
  covers: ["Capability.add_capabilities"],
  needs: ["inside", "pod-network"],
  critest: [`${seccompPath} runtime should not block setting host name with unconfined seccomp and SYS_ADMIN`],
  async run({ anotherPod, unique }) {
    const pod = anotherPod({ network: "pod" });
    const seccomp = { profileType: Unconfined };
    const [one, other] = [
      await pod.start({ security: { seccomp, ...addCapabilities("SYS_ADMIN") } }),
      await pod.start({ security: { seccomp } }),
    ];
    const set = ["sh", "-c", `hostname ${unique} && hostname`];
    expect((await other.execArgv(set)).exitCode).not.toBe(0);
    expect(await one.execArgv(set)).toMatchObject({ exitCode: 0, stdout: `${unique}\n` });
  },
});

export const noProfile: Case = defineCase({
  name: "a container that asks for no seccomp profile has no filter of system calls",
  cites: "runtime.v1 LinuxContainerSecurityContext.seccomp: unset is Unconfined",
  covers: [],
  needs: ["inside"],
  critest: [`${seccompPath} should support nil profile, which is unconfined`],
  async run({ pod }) {
    const seccomp = { profileType: Unconfined };
    const [one, other] = [await pod.start(), await pod.start({ security: { seccomp } })];
    const mode = { inside: "awk '/^Seccomp:/ { print $2 }' /proc/1/status", recorded: () => "" };
    const found = await one.observe(mode);
    expect(found).toMatch(/^[012]$/);
    expect(found).toBe(await other.observe(mode));
  },
});

export const privilegedIsUnfiltered: Case = defineCase({
  name: "a privileged container is not filtered by the seccomp profile that it asks for",
  cites: "runtime.v1 LinuxContainerSecurityContext.privileged: seccomp is ignored",
  covers: ["LinuxContainerSecurityContext.privileged"],
  needs: ["inside"],
  critest: [`${seccompPath} runtime should ignore a seccomp profile that blocks setting hostname when privileged`],
  async run({ anotherPod, defer }) {
    const folder = await mkdtemp(join(tmpdir(), "keelson-conformance-"));
    defer("folder", () => rm(folder, { recursive: true, force: true }));
    const localhostRef = join(folder, "profile.json");
    const syscalls = [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }];
    await writeFile(localhostRef, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls }));
    const pod = anotherPod({ security: { privileged: true } });
    const seccomp = { profileType: Localhost, localhostRef };
    const c = await pod.start({ security: { privileged: true, seccomp } });
    expect(await c.execArgv(["mkdir", "/tmp/conformance"])).toMatchObject({ exitCode: 0, stderr: "" });
  },
});

export const allCapabilities: Case = defineCase({
  name: "ALL capabilities added are more than the runtime's own, SYS_ADMIN among them",
  cites: "runtime.v1 Capability: ALL",
  covers: ["Capability.add_capabilities"],
  needs: ["inside"],
  critest: ["[k8s.io] Security Context bucket runtime should support adding ALL capabilities"],
  async run({ pod }) {
    const [one, other] = [await pod.start({ security: addCapabilities("ALL") }), await pod.start()];
    const effective = { inside: "awk '/^CapEff:/ { print $2 }' /proc/1/status", recorded: () => "0" };
    const [all, some] = [await one.observe(effective), await other.observe(effective)];
    const sysAdmin = 1n << 21n;
    expect([BigInt(`0x${all}`) & sysAdmin, BigInt(`0x${some}`) & sysAdmin]).toEqual([sysAdmin, 0n]);
  },
});
