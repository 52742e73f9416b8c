import type { SupplementalGroupsPolicy } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { readCapabilities } from "../../../../packages/linux-engine/src/host/read-host-facts.ts";
import { defaultCapabilities } from "../../../../packages/linux-engine/src/spec/capabilities.ts";
import { notKept, type Refusal } from "../harness/refusals.ts";
import { observes, refuses } from "./claims.ts";
import { hostDevice, mountOptions, onHost, ownNamespaces, type Stage, statusLine } from "./stage.ts";

const names = (sets: string, name: string): readonly string[] => {
  const line = `CapBnd:\t${statusLine(sets, name) ?? "0"}\n`;
  return [...readCapabilities(line).bounding];
};

/** Capabilities, privileges, and what a program may gain. */
export function rightCases(stage: () => Stage): void {
  const look = async (security: object) => {
    const { text, reported } = await stage().look("cat /proc/self/status", { security });
    const sets = Object.fromEntries(
      ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map((name) => [name.slice(3), names(text, name)]),
    );
    return { text, reported, sets };
  };
  const same = (list: readonly string[]) => ({ Inh: [], Prm: list, Eff: list, Bnd: list, Amb: [] });
  const able = (list: readonly string[]) => list.filter((name) => stage().facts.capabilities.has(name));

  describe("rights", () => {
    test("T5.04: the usual capabilities, none inheritable or ambient; a command has no more", async () => {
      expect((await look({})).sets).toEqual(same(able(defaultCapabilities)));
      const ordinary = { runAsUser: { value: 1000n } };
      expect((await look(ordinary)).sets).toEqual({ ...same([]), Bnd: able(defaultCapabilities) });
      const containerId = await stage().start({ security: ordinary });
      const seen = await stage().exec(containerId, "cat /proc/self/status");
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"]) expect(names(seen, set), set).toEqual([]);
      expect(names(seen, "CapBnd")).toEqual(able(defaultCapabilities));
      expect([statusLine(seen, "Uid"), statusLine(seen, "Seccomp")]).toEqual(["1000\t1000\t1000\t1000", "2"]);
      await stage().cri.runtime.removeContainer({ containerId });
    });

    test(
      "added and dropped ones, single and ALL",
      observes("Capability.add_capabilities", "Capability.drop_capabilities"),
      async () => {
        const of = async (addCapabilities: string[], dropCapabilities: string[]) =>
          (await look({ capabilities: { addCapabilities, dropCapabilities } })).sets;
        const usual = able(defaultCapabilities);
        const all = [...stage().facts.capabilities];
        const added = await of(["NET_ADMIN", "cap_sys_time"], ["CHOWN"]);
        expect(new Set(added.Eff)).toEqual(
          new Set([...usual, "CAP_NET_ADMIN", "CAP_SYS_TIME"].filter((one) => one !== "CAP_CHOWN")),
        );
        expect(added).toEqual(same(added.Eff ?? []));
        expect(await of([], ["ALL"])).toEqual(same([]));
        expect(await of(["NET_BIND_SERVICE"], ["ALL"])).toEqual(same(["CAP_NET_BIND_SERVICE"]));
        expect(await of(["ALL"], ["MKNOD"])).toEqual(same(all.filter((one) => one !== "CAP_MKNOD")));
        const { text } = await stage().look("chown 1 /tmp || echo refused; mknod /tmp/n c 1 3 && echo made", {
          security: { capabilities: { dropCapabilities: ["CHOWN"] } },
        });
        expect(text).toMatch(/not permitted\nrefused\nmade$/);
      },
    );

    test("ambient ones, for a user who is not root", observes("Capability.add_ambient_capabilities"), async () => {
      const capabilities = { addAmbientCapabilities: ["NET_RAW"], dropCapabilities: ["ALL"] };
      const { sets } = await look({ runAsUser: { value: 1000n }, capabilities });
      const list = ["CAP_NET_RAW"];
      expect(sets).toEqual({ Inh: list, Prm: list, Eff: list, Bnd: list, Amb: list });
    });

    test.skipIf(process.arch !== "x64")(
      "no_new_privs: a setuid program gains nothing",
      observes("LinuxContainerSecurityContext.no_new_privs"),
      async () => {
        for (const [noNewPrivs, seen] of [
          [false, ["euid 0", "NoNewPrivs:\t0"]],
          [true, ["euid 77", "NoNewPrivs:\t1"]],
        ] as const) {
          const security = { runAsUser: { value: 77n }, noNewPrivs };
          const { lines } = await stage().look("euid; echo euid $?; grep NoNewPrivs /proc/self/status", { security });
          expect(lines).toEqual(seen);
        }
      },
    );

    test(
      "privileged: all capabilities, devices, cgroups and /sys to write, nothing hidden, no filter",
      observes("LinuxContainerSecurityContext.privileged", "LinuxSandboxSecurityContext.privileged"),
      async () => {
        const { facts, hostPod } = stage();
        const device = hostDevice();
        const script = `cat /proc/self/status /proc/self/mountinfo; readlink /proc/self/ns/cgroup
          ls -l ${device}; true <${device} && echo opened; mknod /tmp/kmsg c 1 11 && true </tmp/kmsg && echo opened kmsg
          cat /secret/file /secret/folder/inner; echo; mount -t tmpfs none /open && echo mounted`;
        const hidden = { maskedPaths: ["/secret/file", "/secret/folder"], readonlyPaths: ["/proc/sys"] };
        const security = { ...onHost, ...hidden, privileged: true, seccomp: {}, noNewPrivs: false };
        const { text, reported } = await stage().look(script, { security }, hostPod);
        for (const set of ["CapPrm", "CapEff", "CapBnd"])
          expect(new Set(names(text, set)), set).toEqual(facts.capabilities);
        for (const set of ["CapInh", "CapAmb"]) expect(names(text, set), set).toEqual([]);
        expect(statusLine(text, "Seccomp")).toBe("0");
        expect(reported.get("linux.security_context.seccomp")).toMatch(/never filtered/);
        expect(mountOptions(text, "/sys")).toContain("rw");
        const cgroups = facts.cgroupVersion === 1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
        expect(mountOptions(text, cgroups)).toContain("rw");
        expect(text).not.toMatch(/ \/proc\/sys /);
        expect(text.split("\n")).toEqual(
          expect.arrayContaining(["opened", "opened kmsg", "readablereadable", "mounted"]),
        );
        expect(await ownNamespaces()).toContain(/cgroup:\[\d+\]/.exec(text)?.[0] ?? "?");
      },
    );

    test(
      "those that nobody can give are refused",
      refuses(
        "LinuxContainerSecurityContext.privileged",
        "LinuxContainerSecurityContext.supplemental_groups_policy",
        "Capability.add_capabilities",
        "Capability.add_ambient_capabilities",
      ),
      async () => {
        const { facts, refused, create } = stage();
        const context = "linux.security_context";
        const missing = ["CAP_SYS_RESOURCE", "CAP_SYS_MODULE"]
          .filter((name) => !facts.capabilities.has(name))
          .slice(0, 1);
        const capabilities = (kind: "add" | "ambient"): Refusal[] =>
          missing.map((name) => {
            const asked = kind === "add" ? { addCapabilities: [name] } : { addAmbientCapabilities: [name] };
            const field = kind === "add" ? "add_capabilities" : "add_ambient_capabilities";
            return notKept(`${context}.capabilities.${field}`, () => create({ security: { capabilities: asked } }));
          });
        const unknown = { security: { capabilities: { addCapabilities: ["NONE"] } } };
        await refused(
          notKept(`${context}.privileged`, () => create({ security: { privileged: true } })),
          notKept(`${context}.supplemental_groups_policy`, () =>
            create({ security: { supplementalGroupsPolicy: 7 as SupplementalGroupsPolicy } }),
          ),
          ...capabilities("add"),
          ...capabilities("ambient"),
          [() => create(unknown), "INVALID_ARGUMENT", /"NONE" is not a capability/],
        );
      },
    );
  });
}
