import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { SecurityProfile_ProfileType } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { findProgram } from "../../../../packages/linux-engine/src/sys/find-program.ts";
import { run } from "../../../../packages/linux-engine/src/sys/run.ts";
import { notKept } from "../harness/refusals.ts";
import { observes, refuses } from "./claims.ts";
import type { Stage } from "./stage.ts";

const { RuntimeDefault, Unconfined, Localhost } = SecurityProfile_ProfileType;
const fields = ["LinuxContainerSecurityContext.apparmor", "LinuxContainerSecurityContext.apparmor_profile"];

const parserPath = findProgram("apparmor_parser");
const canLoad = existsSync("/sys/kernel/security/apparmor/profiles") && parserPath !== undefined;

/** apparmor_parser(8), with a profile's text as its input. */
async function parser(what: "--add" | "--remove", text: string): Promise<void> {
  await run([parserPath ?? "", what, "--skip-cache"], { stdinBytes: Buffer.from(text), deadlineMs: 60_000 });
}

export function apparmorCases(stage: () => Stage): void {
  describe("AppArmor", () => {
    test("Unconfined, and on a machine without it the default, run unconfined", observes(...fields), async () => {
      const ordinary = stage().facts.apparmor === undefined ? RuntimeDefault : Unconfined;
      for (const security of [{ apparmor: { profileType: ordinary } }, { apparmorProfile: "unconfined" }]) {
        const { lines } = await stage().look("cat /proc/self/attr/current 2>/dev/null; echo; echo ran", { security });
        // the OCI runtime may have a name there, and no rules: "crun (unconfined)"
        expect(lines.filter((line) => line !== "" && !/^unconfined|\(unconfined\)$/.test(line))).toEqual(["ran"]);
      }
    });

    test.skipIf(!canLoad)("a loaded profile confines a container and its commands", async () => {
      const { start, exec, look, cri } = stage();
      const localhostRef = `keelson-test-${randomBytes(6).toString("hex")}`;
      const rules = `profile ${localhostRef} flags=(attach_disconnected) {\n  file,\n  signal,\n  deny /etc/** w,\n}\n`;
      await parser("--add", rules); // while the daemon runs
      try {
        const wanted = [`${localhostRef} (enforce)`, "denied"];
        const script = "cat /proc/self/attr/current; echo; echo >/etc/x 2>/dev/null || echo denied";
        for (const security of [
          { apparmor: { profileType: Localhost, localhostRef } },
          { apparmorProfile: `localhost/${localhostRef}` },
        ]) {
          const { lines } = await look(script, { security });
          expect(lines.filter((line) => line !== "")).toEqual(wanted);
        }
        const containerId = await start({ security: { apparmor: { profileType: Localhost, localhostRef } } });
        expect((await exec(containerId, script)).split("\n").filter((line) => line !== "")).toEqual(wanted);
        await cri.runtime.removeContainer({ containerId });
      } finally {
        await parser("--remove", rules);
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
