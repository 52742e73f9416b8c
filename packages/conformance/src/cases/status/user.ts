import { type ContainerStatus, SupplementalGroupsPolicy } from "@keelson/cri-api/v1";
import { expect, expectRefusal, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Container } from "../../stage/container.ts";
import { recorded } from "./recorded.ts";

/** Who the first process is: `UID GID` and its further groups. */
async function whoIs(c: Container): Promise<{ readonly user: string; readonly groups: readonly string[] }> {
  const text = await c.observe({
    inside: 'awk \'/^(Uid|Gid):/ { printf "%s ", $2 } /^Groups:/ { $1 = ""; print }\' /proc/1/status',
    recorded: (_, status) => asText(status),
  });
  const [uid = "", gid = "", ...groups] = text.split(/\s+/).filter((one) => one !== "");
  return { user: `${uid} ${gid}`, groups };
}

function asText({ user }: ContainerStatus): string {
  const { uid, gid, supplementalGroups = [] } = user?.linux ?? {};
  return [uid, gid, ...supplementalGroups].join(" ");
}

export const userAndGroup: Case = defineCase({
  name: "a container runs as the user and the group that it asks for, with further groups",
  cites: "runtime.v1 LinuxContainerSecurityContext: run_as_user, run_as_group, supplemental_groups",
  covers: [
    "ContainerConfig.linux",
    "LinuxContainerConfig.security_context",
    "LinuxContainerSecurityContext.run_as_user",
    "LinuxContainerSecurityContext.run_as_group",
    "LinuxContainerSecurityContext.supplemental_groups",
    "Int64Value.value",
  ],
  critest: [
    "[k8s.io] Security Context bucket runtime should support RunAsUser",
    "[k8s.io] Security Context bucket runtime should support RunAsGroup",
    "[k8s.io] Security Context bucket runtime should support SupplementalGroups",
  ],
  async run({ pod }) {
    const security = { runAsUser: { value: 1000n }, runAsGroup: { value: 2000n }, supplementalGroups: [1234n, 5678n] };
    const { user, groups } = await whoIs(await expectSuccess(pod.start({ security })));
    expect(user).toBe("1000 2000");
    for (const group of ["1234", "5678"]) expect(groups).toContain(group);
  },
});

export const userByName: Case = defineCase({
  name: "a container runs as the user that it names, with the groups that the image gives him",
  cites: "runtime.v1 LinuxContainerSecurityContext.run_as_username: a name of the image's /etc/passwd",
  covers: ["LinuxContainerSecurityContext.run_as_username"],
  critest: [
    "[k8s.io] Security Context SupplementalGroupsPolicy when SupplementalGroupsPolicy=Merge (Default) if the container's primary UID belongs to some groups in the image, runtime should add SupplementalGroups to them",
    "[k8s.io] Security Context bucket runtime should support RunAsUserName",
  ],
  async run({ pod }) {
    const { user } = await whoIs(await pod.start({ security: { runAsUsername: "nobody" } }));
    expect(user).toBe("65534 65534");
  },
});

export const userOfTheImage: Case = defineCase({
  name: "a container that asks for no user runs as the image's, and as root where the image has none",
  cites: "runtime.v1 LinuxContainerSecurityContext.run_as_user: unset is the image's USER, else 0",
  covers: ["ContainerConfig.image"],
  async run({ cri, pod, images }) {
    for (const [image, wanted] of [
      [images.userNumber, "1002 0"],
      [images.userName, "33 33"],
      [images.busybox, "0 0"],
    ] as const) {
      await cri.pullImage({ image: { image } });
      expect((await whoIs(await pod.start({ image }))).user, image).toBe(wanted);
    }
  },
});

export const unknownUser: Case = defineCase({
  name: "a container whose user name is not in the image can't be made, and none runs",
  cites: "runtime.v1 LinuxContainerSecurityContext.run_as_username: one that is not there fails the create",
  covers: ["LinuxContainerSecurityContext.run_as_username"],
  async run({ cri, pod }) {
    await pod.run();
    await expectRefusal(pod.start({ security: { runAsUsername: "there-is-no-such-user" } }));
    const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    expect(containers).toEqual([]);
  },
});

export const groupWithoutUser: Case = defineCase({
  name: "a container that asks for a group and no user is refused",
  cites: "runtime.v1 LinuxContainerSecurityContext.run_as_group: InvalidArgument without a user",
  covers: ["LinuxContainerSecurityContext.run_as_group"],
  critest: ["[k8s.io] Security Context bucket runtime should return error if RunAsGroup is set without RunAsUser"],
  async run({ cri, pod }) {
    await pod.run();
    await expectRefusal(pod.create({ security: { runAsGroup: { value: 2000n } } }));
    const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    expect(containers).toEqual([]);
  },
});

export const userInStatus: Case = defineCase({
  name: "ContainerStatus tells as whom the first process was started",
  cites: "runtime.v1 ContainerStatus.user: who its first process was at its start; KEP-3619",
  covers: [
    "ContainerStatus.user",
    "ContainerUser.linux",
    "LinuxContainerUser.uid",
    "LinuxContainerUser.gid",
    "LinuxContainerUser.supplemental_groups",
  ],
  async run({ pod }) {
    const security = { runAsUser: { value: 1000n }, runAsGroup: { value: 2000n }, supplementalGroups: [1234n] };
    const linux = (await (await pod.start({ security })).status()).user?.linux;
    expect(linux).toMatchObject({ uid: 1000n, gid: 2000n });
    expect(linux?.supplementalGroups).toContain(1234n);
  },
});

export const strictGroups: Case = defineCase({
  name: "a container with the groups policy Strict has the groups that it asks for and no others",
  cites: "runtime.v1 SupplementalGroupsPolicy: Strict, where RuntimeFeatures says so; KEP-3619",
  covers: ["LinuxContainerSecurityContext.supplemental_groups_policy", "RuntimeFeatures.supplemental_groups_policy"],
  critest: [
    "[k8s.io] Security Context SupplementalGroupsPolicy when SupplementalGroupsPolicy=Strict even if the container's primary UID belongs to some groups in the image, runtime should not add SupplementalGroups to them",
  ],
  async run({ cri, pod, images }) {
    expect((await cri.status({})).features?.supplementalGroupsPolicy).toBe(true);
    await cri.pullImage({ image: { image: images.userInGroup } });
    const groupsUnder = async (supplementalGroupsPolicy: SupplementalGroupsPolicy): Promise<readonly string[]> => {
      const security = { supplementalGroups: [1234n], supplementalGroupsPolicy };
      const c = await pod.start({ image: images.userInGroup, security });
      const groups = await c.observe({
        inside: "sed -n 's/^Groups://p' /proc/1/status",
        recorded(info) {
          const asked = (name: string): string => recorded(info, `config.linux.security_context.${name}`);
          const strict = /^(1|Strict)$/.test(asked("supplemental_groups_policy"));
          return `${asked("supplemental_groups").includes("1234") ? "1234" : ""} ${strict ? "" : "50000"}`;
        },
      });
      return groups.split(/\s+/).filter((one) => ["1234", "50000"].includes(one));
    };
    expect(await groupsUnder(SupplementalGroupsPolicy.Merge)).toEqual(["1234", "50000"]);
    expect(await groupsUnder(SupplementalGroupsPolicy.Strict)).toEqual(["1234"]);
  },
});
