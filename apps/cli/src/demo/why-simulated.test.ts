import { describe, expect, it } from "vitest";
import { readLinuxFacts } from "./linux-facts.ts";
import { type LinuxFacts, whySimulated } from "./why-simulated.ts";

const able: LinuxFacts = { platform: "linux", uid: 0, initialUserNamespace: true, lacking: [], missing: [] };

describe("whySimulated()", () => {
  it.each<[Partial<LinuxFacts>, string | undefined]>([
    [{}, undefined],
    [{ platform: "darwin", uid: 501 }, "not Linux but darwin"],
    [{ platform: "win32", uid: -1 }, "not Linux but win32"],
    [{ uid: 65_534 }, "not root"],
    [{ uid: 65_534, missing: ["conmon"], lacking: ["CAP_SYS_ADMIN"] }, "not root"],
    [{ initialUserNamespace: false }, "root of a user namespace only"],
    [{ lacking: ["CAP_SYS_ADMIN", "CAP_MKNOD"] }, "root without CAP_SYS_ADMIN, CAP_MKNOD"],
    [{ missing: ["crun or runc", "conmon"] }, "not installed: crun or runc, conmon"],
  ])("with %j is %j", (facts, reason) => {
    expect(whySimulated({ ...able, ...facts })).toBe(reason);
  });

  it("is asked with facts of this machine", () => {
    const facts = readLinuxFacts();
    expect(facts.platform).toBe(process.platform);
    expect(facts.uid).toBe(process.getuid?.() ?? -1);
  });
});
