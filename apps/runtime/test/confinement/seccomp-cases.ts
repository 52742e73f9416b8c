import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SecurityProfile_ProfileType } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { socketCalls } from "../../../../packages/linux-engine/test/spec/socket-programs.ts";
import { observes } from "./claims.ts";
import { type Stage, statusLine } from "./stage.ts";

const { RuntimeDefault, Unconfined, Localhost } = SecurityProfile_ProfileType;
const field = "LinuxContainerSecurityContext.seccomp";

/** Makes no folders, and else what a program likes. */
const noFolders = JSON.stringify({
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 1 }],
});

export function seccompCases(stage: () => Stage): void {
  const mode = async (security: object): Promise<string | undefined> => {
    const { text } = await stage().look("cat /proc/self/status; mkdir /made && echo made", { security });
    return `${statusLine(text, "Seccomp")}${text.endsWith("\nmade") ? " made" : ""}`;
  };
  const path = (seccompProfilePath: string) => ({ seccomp: undefined, seccompProfilePath });

  describe("system calls", () => {
    test(
      "T3.09: RuntimeDefault filters: no AF_ALG, no namespaces, no mounts, no writing to cgroups",
      observes(field, "SecurityProfile.profile_type=RuntimeDefault"),
      async () => {
        const cgroup = stage().facts.cgroupVersion === 1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
        const script = `grep Seccomp: /proc/self/status
          for kind in U m n; do unshare -$kind true; echo unshare $?; done; mount -t tmpfs none /open; echo mount $?
          echo 0 >${cgroup}/cgroup.procs; mkdir ${cgroup}/new
          for call in ${process.arch === "x64" ? socketCalls.join(" ") : ""}; do $call; echo $call $?; done`;
        const { lines } = await stage().look(script, { security: { seccomp: { profileType: RuntimeDefault } } });
        expect(lines[0]).toMatch(/^Seccomp:\s+2$/);
        expect(lines.filter((line) => line === "unshare 1")).toHaveLength(3);
        expect(lines).not.toContain("mount 0");
        expect(lines.filter((line) => /Read-only file system/.test(line))).toHaveLength(2);
        if (process.arch !== "x64") return;
        const [EPERM, ENOSYS] = [1, 38];
        expect(lines).toEqual(
          expect.arrayContaining([
            ...["alg-64", "alg-64-high-bits", "alg-32", "vsock-64"].map((name) => `${name} ${EPERM}`),
            `alg-socketcall ${ENOSYS}`,
            "unix-64 0",
            "unix-32 0",
          ]),
        );
      },
    );

    test("Unconfined, or nothing, does not filter", observes("SecurityProfile.profile_type=Unconfined"), async () => {
      expect(await mode({ seccomp: { profileType: Unconfined } })).toBe("0 made");
      expect(await mode({ seccomp: undefined })).toBe("0 made");
      const { lines } = await stage().look("unix-64; vsock-64; echo vsock $?; mount -t tmpfs none /open; echo $?", {
        security: { seccomp: { profileType: Unconfined } },
      });
      // no filter says no: what the kernel has or lacks, and the missing capability do
      if (process.arch === "x64") expect(lines).not.toContain("vsock 1");
      expect(lines.at(-1)).not.toBe("0");
    });

    test(
      "Localhost filters by the operator's file",
      observes("SecurityProfile.profile_type=Localhost", "SecurityProfile.localhost_ref"),
      async () => {
        const localhostRef = join(stage().node.folder, "no-folders.json");
        await writeFile(localhostRef, noFolders);
        expect(await mode({ seccomp: { profileType: Localhost, localhostRef } })).toBe("2");
      },
    );

    test(
      "the older field means the same, and the newer one goes before it",
      observes("LinuxContainerSecurityContext.seccomp_profile_path"),
      async () => {
        const file = join(stage().node.folder, "no-folders.json");
        await writeFile(file, noFolders);
        expect(await mode(path("runtime/default"))).toBe("2 made");
        expect(await mode(path("unconfined"))).toBe("0 made");
        expect(await mode(path(`localhost/${file}`))).toBe("2");
        expect(await mode({ seccomp: { profileType: RuntimeDefault }, seccompProfilePath: "unconfined" })).toBe(
          "2 made",
        );
      },
    );

    test("T3.08: a profile without a name, without a file, or that is none, is refused", async () => {
      const file = join(stage().node.folder, "garbage.json");
      await writeFile(file, "{");
      const create = (security: object) => () => stage().create({ security });
      const missing = join(stage().node.folder, "missing.json");
      await stage().refused(
        [create({ seccomp: { profileType: Localhost } }), "INVALID_ARGUMENT", /seccomp.*needs a reference/],
        [create(path("localhost/")), "INVALID_ARGUMENT", /seccomp_profile_path.*needs a reference/],
        [create(path("docker/none")), "INVALID_ARGUMENT", /seccomp_profile_path.*is not a profile/],
        [
          create({ seccomp: { profileType: Localhost, localhostRef: missing } }),
          "INVALID_ARGUMENT",
          /missing\.json.*not there/,
        ],
        [create({ seccomp: { profileType: Localhost, localhostRef: file } }), "INVALID_ARGUMENT", /seccomp profile/],
        [
          create({ seccomp: { profileType: Localhost, localhostRef: "relative" } }),
          "INVALID_ARGUMENT",
          /not an absolute path/,
        ],
      );
    });
  });
}
