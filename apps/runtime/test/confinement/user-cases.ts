import { SupplementalGroupsPolicy } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { observes } from "./claims.ts";
import { type Stage, statusLine } from "./stage.ts";

const { Merge, Strict } = SupplementalGroupsPolicy;

export function userCases(stage: () => Stage): void {
  const look = async (security: object): Promise<object> => {
    const { text, status } = await stage().look(
      "cat /proc/self/status; echo 'home: <'$HOME'>'; touch /tmp/f; ls -ln /tmp/f",
      {
        security,
      },
    );
    const { uid, gid, supplementalGroups = [] } = status.user?.linux ?? {};
    const number = (name: string) => statusLine(text, name)?.split("\t").map(Number);
    expect([Number(uid), Number(gid)]).toEqual([number("Uid")?.[0], number("Gid")?.[0]]);
    const groups = statusLine(text, "Groups")?.split(" ").map(Number);
    expect(supplementalGroups.map(Number)).toEqual(groups);
    const [, , owner, group] = /^-.*\/tmp\/f$/m.exec(text)?.[0].split(/\s+/) ?? [];
    expect([Number(owner), Number(group)]).toEqual([Number(uid), Number(gid)]);
    return { uid: number("Uid"), gid: number("Gid"), groups, home: statusLine(text, "home")?.slice(1, -1) };
  };
  const four = (id: number) => [id, id, id, id];

  describe("users", () => {
    test(
      "a number: run_as_user, with the groups and the home of its line, or none",
      observes("LinuxContainerSecurityContext.run_as_user"),
      async () => {
        expect(await look({ runAsUser: { value: 1000n } })).toEqual({
          uid: four(1000),
          gid: four(1001),
          groups: [10, 44, 1001],
          home: "/home/web",
        });
        expect(await look({ runAsUser: { value: 7777n } })).toEqual({
          uid: four(7777),
          gid: four(0),
          groups: [0],
          home: expect.stringMatching(/^\/?$/),
        });
        expect(await look({ runAsUser: { value: 0n } })).toMatchObject({ uid: four(0), groups: [0, 44] });
      },
    );

    test("a group: run_as_group", observes("LinuxContainerSecurityContext.run_as_group"), async () => {
      const context = { runAsUser: { value: 1000n }, runAsGroup: { value: 50n } };
      expect(await look(context)).toMatchObject({ uid: four(1000), gid: four(50), groups: [10, 44, 50] });
    });

    test("a name: run_as_username", observes("LinuxContainerSecurityContext.run_as_username"), async () => {
      expect(await look({ runAsUsername: "web" })).toMatchObject({
        uid: four(1000),
        gid: four(1001),
        home: "/home/web",
      });
      expect(await look({})).toMatchObject({ uid: four(0), gid: four(0), groups: [0, 44], home: "/root" });
    });

    test(
      "T5.03: more groups, with those of the image or without them; the primary one is always among them",
      observes(
        "LinuxContainerSecurityContext.supplemental_groups",
        "LinuxContainerSecurityContext.supplemental_groups_policy=Merge",
        "LinuxContainerSecurityContext.supplemental_groups_policy=Strict",
      ),
      async () => {
        const context = { runAsUser: { value: 1000n }, supplementalGroups: [6n, 5n, 10n] };
        const merged = await look({ ...context, supplementalGroupsPolicy: Merge });
        expect(merged).toMatchObject({ groups: [5, 6, 10, 44, 1001] });
        const strict = await look({ ...context, supplementalGroupsPolicy: Strict });
        expect(strict).toMatchObject({ gid: four(1001), groups: [5, 6, 10, 1001] });
      },
    );
  });
}
