import { SecurityProfile_ProfileType } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { notKept } from "../harness/refusals.ts";
import { observes, refuses } from "./claims.ts";
import type { Stage } from "./stage.ts";

const { RuntimeDefault, Unconfined, Localhost } = SecurityProfile_ProfileType;
const fields = ["LinuxContainerSecurityContext.apparmor", "LinuxContainerSecurityContext.apparmor_profile"];

export function apparmorCases(stage: () => Stage): void {
  describe("AppArmor", () => {
    test("Unconfined, and on a machine without it the default, run unconfined", observes(...fields), async () => {
      const ordinary = stage().facts.apparmor === undefined ? RuntimeDefault : Unconfined;
      for (const security of [{ apparmor: { profileType: ordinary } }, { apparmorProfile: "unconfined" }]) {
        const { lines } = await stage().look("cat /proc/self/attr/current 2>/dev/null; echo; echo ran", { security });
        expect(lines.filter((line) => line !== "" && !line.startsWith("unconfined"))).toEqual(["ran"]);
      }
    });

    test("a profile that the kernel has not loaded is refused", refuses(...fields), async () => {
      const { create, refused, facts } = stage();
      const localhostRef = "keelson-has-no-such-profile";
      const field = "linux.security_context.apparmor";
      await refused(
        notKept(field, () => create({ security: { apparmor: { profileType: Localhost, localhostRef } } })),
        notKept(`${field}_profile`, () => create({ security: { apparmorProfile: `localhost/${localhostRef}` } })),
        ...(facts.apparmor === undefined
          ? []
          : [notKept(field, () => create({ security: { apparmor: { profileType: RuntimeDefault } } }))]),
      );
    });
  });
}
