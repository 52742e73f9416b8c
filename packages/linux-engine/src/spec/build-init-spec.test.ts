import { NamespaceMode } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { hostFacts, sandboxConfig } from "../../test/spec/fixtures.ts";
import { buildInitSpec, initUser } from "./build-init-spec.ts";

const { POD } = NamespaceMode;
const namespaceOptions = { pid: POD };

describe("initUser()", () => {
  it("is nobody of any image where the sandbox does not say", () => {
    expect(initUser(sandboxConfig())).toEqual({ uid: 65_535, gid: 65_535, additionalGids: [] });
  });

  it("is who the sandbox asks for, by number", () => {
    const security = {
      namespaceOptions,
      runAsUser: { value: 0n },
      runAsGroup: { value: 7n },
      supplementalGroups: [9n],
    };
    expect(initUser(sandboxConfig({}, security))).toEqual({ uid: 0, gid: 7, additionalGids: [9] });
  });

  it.each([
    ["run_as_user", { runAsUser: { value: -1n } }],
    ["run_as_group", { runAsGroup: { value: 2n ** 31n } }],
    ["supplemental_groups[1]", { supplementalGroups: [1n, -2n] }],
  ])("refuses a %s that is no number of a user or group", (field, security) => {
    expect(() => initUser(sandboxConfig({}, { namespaceOptions, ...security }))).toThrow(field);
  });
});

describe("buildInitSpec()", () => {
  const user = { uid: 65_535, gid: 65_535, additionalGids: [] };
  const place = { user, rootfs: "/root", program: "/init", cgroupsPath: "/pod/id" };

  it("joins what the pod has of its own, and gives it new ones in place of the host's", () => {
    const { namespaces } = buildInitSpec({ ...place, facts: hostFacts(), pins: { ipc: "/i" } }).linux;
    expect(namespaces).toEqual([
      { type: "pid" },
      { type: "mount" },
      { type: "cgroup" },
      { type: "network" },
      { type: "ipc", path: "/i" },
      { type: "uts" },
    ]);
  });

  it("has no right that a container could take over from it", () => {
    const { root, process, mounts, linux } = buildInitSpec({ ...place, facts: hostFacts(), pins: {} });
    expect(root).toEqual({ path: "/root", readonly: true });
    expect(Object.values(process.capabilities).flat()).toEqual([]);
    expect(process.noNewPrivileges).toBe(true);
    expect(mounts.map(({ type }) => type)).toEqual(["proc", "tmpfs"]);
    expect(linux.seccomp?.defaultAction).toBe("SCMP_ACT_ERRNO");
    expect(linux.maskedPaths).toContain("/proc/kcore");
    expect(linux.readonlyPaths).toContain("/proc/sysrq-trigger");
    expect(linux.resources.devices).toEqual([{ allow: false, access: "rwm" }]);
  });

  it("is the last that is killed for want of memory, as far as the daemon may say so", () => {
    const score = (facts: Parameters<typeof hostFacts>[0]) =>
      buildInitSpec({ ...place, facts: hostFacts(facts), pins: {} }).process.oomScoreAdj;
    expect(score({ canLowerOomScoreAdj: true })).toBe(-998);
    expect(score({ canLowerOomScoreAdj: false, oomScoreAdj: -500 })).toBe(-500);
  });

  it("is not filtered where the host can't", () => {
    expect(buildInitSpec({ ...place, facts: hostFacts({ seccomp: false }), pins: {} }).linux.seccomp).toBeUndefined();
  });
});
