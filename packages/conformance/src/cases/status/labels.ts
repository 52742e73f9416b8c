import { SecurityProfile_ProfileType } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Container } from "../../stage/container.ts";
import type { Pod } from "../../stage/pod.ts";
import type { Stage } from "../../stage/stage.ts";
import { runOrRefused, startOrRefused } from "./made-or-refused.ts";
import { recorded, sandboxInfo } from "./recorded.ts";

const parts = ["user", "role", "type", "level"] as const;
const label = { user: "system_u", role: "system_r", type: "container_t", level: "s0:c123,c456" };
type Label = Partial<typeof label>;

/** The label of the first process, or what was recorded of it. */
async function labelOf(c: Container, security: (info: Readonly<Record<string, unknown>>) => unknown): Promise<string> {
  return await c.observe({
    inside: "cat /proc/1/attr/current 2>/dev/null | tr -d '\\0'; true",
    recorded: (info) => parts.map((part) => recorded(security(info), `selinux_options.${part}`)).join(":"),
  });
}

/** Asks for a label in one way; undefined when it is refused, with nothing left of it. */
type Ask = (selinuxOptions: Label, named: RegExp) => Promise<string | undefined>;

async function expectLabel(ask: Ask): Promise<void> {
  const whole = await ask(label, /selinux/i);
  if (whole !== undefined) {
    expect(whole).toBe(parts.map((part) => label[part]).join(":"));
    return;
  }
  // each of the four is a reason by itself
  for (const part of parts) {
    const alone = await ask({ [part]: label[part] }, new RegExp(`selinux.*${part}`, "i"));
    expect(alone, `a container with ${part} alone`).toBeUndefined();
  }
}

const cites = "runtime.v1 SELinuxOption: user, role, type, level of a process; a pod never runs weaker than asked";

export const labelOfAContainer: Case = defineCase({
  name: "a container has the SELinux label that it asks for, or is refused where it can't have it",
  cites,
  covers: [
    "LinuxContainerSecurityContext.selinux_options",
    ...(["SELinuxOption.user", "SELinuxOption.role", "SELinuxOption.type", "SELinuxOption.level"] as const),
  ],
  async run({ cri, pod }) {
    await expectLabel(async (selinuxOptions, named) => {
      const c = await startOrRefused({ cri }, pod, { security: { selinuxOptions } }, named);
      return c && (await labelOf(c, ({ config }) => at(config, "linux.security_context")));
    });
  },
});

export const labelOfASandbox: Case = defineCase({
  name: "containers that ask for no SELinux label have their sandbox's, or the sandbox is refused",
  cites: "runtime.v1 LinuxSandboxSecurityContext.selinux_options: the default of its containers",
  covers: [
    "LinuxSandboxSecurityContext.selinux_options",
    ...(["SELinuxOption.user", "SELinuxOption.role", "SELinuxOption.type", "SELinuxOption.level"] as const),
  ],
  async run({ cri, anotherPod, target }) {
    await expectLabel(async (selinuxOptions, named) => {
      const pod = anotherPod({ security: { selinuxOptions } });
      return (await runOrRefused({ cri }, pod, named)) ? await labelByPod({ cri, target }, pod) : undefined;
    });
  },
});

async function labelByPod({ cri, target }: Pick<Stage, "cri" | "target">, pod: Pod): Promise<string> {
  const c = await expectSuccess(pod.start());
  const info = target.has.includes("inside") ? undefined : await sandboxInfo({ cri, pod });
  return await labelOf(c, () => at(info, "config.linux.security_context"));
}

/** What stands at a path of JSON. */
function at(value: unknown, path: string): unknown {
  return JSON.parse(recorded(value, path) || "{}");
}

const appArmor = "[k8s.io] AppArmor runtime should";

export const noSuchAppArmorProfile: Case = defineCase({
  name: "an AppArmor profile that the node has not loaded runs no container without it, whichever field names it",
  cites:
    "runtime.v1 LinuxContainerSecurityContext: apparmor, apparmor_profile; the older counts where apparmor is unset",
  covers: ["LinuxContainerSecurityContext.apparmor", "LinuxContainerSecurityContext.apparmor_profile"],
  critest: [
    `${appArmor} support apparmor field should fail with an unloaded apparmor_profile`,
    `${appArmor} support deprecated apparmor_profile field should fail with an unloaded apparmor_profile`,
    `${appArmor} prefer new apparmor field should fail with an unloaded apparmor_profile`,
  ],
  async run({ cri, pod, unique, target }) {
    const { Localhost, Unconfined } = SecurityProfile_ProfileType;
    const apparmor = { profileType: Localhost, localhostRef: unique };
    const old = `localhost/${unique}`;
    for (const security of [{ apparmor }, { apparmorProfile: old }, { apparmor, apparmorProfile: "unconfined" }]) {
      const c = await startOrRefused({ cri }, pod, { security }, /apparmor/i);
      if (target.has.includes("inside")) {
        expect(c?.id, "a container whose profile is not there").toBeUndefined();
      } else {
        const kept = recorded(await c?.info(), "config.linux.security_context");
        expect(kept).toContain("apparmor" in security ? `"localhost_ref":"${unique}"` : `"apparmor_profile":"${old}"`);
      }
    }
    // the older one does not count
    await pod.start({ security: { apparmor: { profileType: Unconfined }, apparmorProfile: old } });
  },
});
