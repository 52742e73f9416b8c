import { NamespaceMode, SecurityProfile_ProfileType, SupplementalGroupsPolicy } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Container } from "../../stage/container.ts";
import type { Stage } from "../../stage/stage.ts";
import { runOrRefused } from "./made-or-refused.ts";
import { findProcesses, type NodeProcess } from "./node-processes.ts";
import { recorded, sandboxInfo } from "./recorded.ts";

const { CONTAINER, NODE, POD } = NamespaceMode;

/** Processes in the pod's network namespace that are in no container. */
async function processesOfTheSandbox(c: Container): Promise<readonly NodeProcess[]> {
  const inside = "readlink /proc/self/ns/net; readlink /proc/self/ns/pid";
  const [net = "", pid = ""] = (await c.observe({ inside, recorded: () => "" })).split("\n");
  return await findProcesses(
    async (one) => (await one.namespace("net")) === net && (await one.namespace("pid")) !== pid,
  );
}

type Security = NonNullable<NonNullable<Parameters<Stage["anotherPod"]>[0]>["security"]>;

/** How one pod with this security is seen: inside by its sandbox's processes, elsewhere by what was recorded. */
interface Ways {
  readonly process: (one: NodeProcess) => Promise<void>;
  readonly recorded: (security: (path: string) => string) => void;
}

/** Shared process IDs need a process that keeps them; without, a runtime may have none. */
async function expectOfSandbox({ anotherPod, cri, target }: Stage, security: Security, ways: Ways): Promise<void> {
  for (const pid of [CONTAINER, POD]) {
    const namespaceOptions = { network: POD, pid, ipc: POD, usernsOptions: { mode: NODE } };
    const pod = anotherPod({ network: "pod", security: { namespaceOptions, ...security } });
    if (pid === CONTAINER) await expectSuccess(pod.run());
    else if (!(await runOrRefused({ cri }, pod, /pid|process/i))) continue;
    const c = await pod.start();
    if (target.has.includes("inside")) {
      const own = await processesOfTheSandbox(c);
      expect(own.length).toBeAtLeast(pid === POD ? 1 : 0);
      for (const one of own) await ways.process(one);
    } else {
      const info = await sandboxInfo({ cri, pod });
      ways.recorded((path) => recorded(info, `config.linux.security_context.${path}`));
    }
  }
}

const { RuntimeDefault, Unconfined } = SecurityProfile_ProfileType;
const user = { runAsUser: { value: 1000n }, runAsGroup: { value: 2000n } };

export const sandboxRunsAsAsked: Case = defineCase({
  name: "a process of the sandbox's own, where it has one, is the user that was asked for, and can't write to its root",
  cites:
    "runtime.v1 LinuxSandboxSecurityContext: run_as_user, run_as_group, readonly_rootfs of the sandbox's own process",
  covers: [
    "LinuxSandboxSecurityContext.run_as_user",
    "LinuxSandboxSecurityContext.run_as_group",
    "LinuxSandboxSecurityContext.readonly_rootfs",
  ],
  needs: ["pod-network"],
  async run(stage) {
    await expectOfSandbox(
      stage,
      { ...user, readonlyRootfs: true },
      {
        async process(one) {
          const [uid, gid] = [await one.status("Uid"), await one.status("Gid")];
          expect([uid.split(/\s+/), gid.split(/\s+/)]).toEqual([Array(4).fill("1000"), Array(4).fill("2000")]);
          const root = (await one.read("mountinfo")).split("\n").find((line) => line.split(" ")[4] === "/");
          expect(root?.split(" ")[5]?.split(",")).toContain("ro");
        },
        recorded: (security) =>
          expect([security("run_as_user.value"), security("run_as_group.value"), security("readonly_rootfs")]).toEqual([
            "1000",
            "2000",
            "true",
          ]),
      },
    );
  },
});

export const groupsOfASandbox: Case = defineCase({
  name: "a process of the sandbox's own, where it has one, is in the groups that were asked for and in no others",
  cites: "runtime.v1 LinuxSandboxSecurityContext: supplemental_groups, supplemental_groups_policy; KEP-3619",
  covers: ["LinuxSandboxSecurityContext.supplemental_groups", "LinuxSandboxSecurityContext.supplemental_groups_policy"],
  needs: ["pod-network"],
  async run(stage) {
    const groups = { supplementalGroups: [1234n], supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict };
    await expectOfSandbox(
      stage,
      { ...user, ...groups },
      {
        async process(one) {
          const found = (await one.status("Groups")).split(/\s+/).filter((group) => group !== "2000");
          expect(found).toEqual(["1234"]);
        },
        recorded(security) {
          expect(security("supplemental_groups")).toBe('["1234"]');
          expect(security("supplemental_groups_policy")).toMatch(/^(1|Strict)$/);
        },
      },
    );
  },
});

export const profilesOfASandbox: Case = defineCase({
  name: "a process of the sandbox's own, where it has one, is filtered by the profile that was asked for",
  cites: "runtime.v1 LinuxSandboxSecurityContext: seccomp, its old form seccomp_profile_path, apparmor",
  covers: [
    "LinuxSandboxSecurityContext.seccomp",
    "LinuxSandboxSecurityContext.apparmor",
    "LinuxSandboxSecurityContext.seccomp_profile_path",
  ],
  needs: ["pod-network"],
  async run(stage) {
    const apparmor = { profileType: Unconfined };
    const filtered = async (one: NodeProcess): Promise<void> => expect(await one.status("Seccomp")).toBe("2");
    await expectOfSandbox(
      stage,
      { apparmor, seccomp: { profileType: RuntimeDefault } },
      {
        process: filtered,
        recorded(security) {
          expect([security("seccomp"), security("seccomp_profile_path")]).toEqual(["{}", ""]);
          expect(security("apparmor.profile_type")).toMatch(/^(1|Unconfined)$/);
        },
      },
    );
    await expectOfSandbox(
      stage,
      { apparmor, seccompProfilePath: "runtime/default" },
      {
        process: filtered,
        recorded: (security) =>
          expect([security("seccomp"), security("seccomp_profile_path")]).toEqual(["", "runtime/default"]),
      },
    );
  },
});
