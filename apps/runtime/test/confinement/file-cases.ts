import { describe, expect, test } from "vitest";
import { defaultMaskedPaths, defaultReadonlyPaths } from "../../../../packages/linux-engine/src/spec/index.ts";
import { observes } from "./claims.ts";
import { mountOptions, type Stage } from "./stage.ts";

/** The root file system, and what is hidden in it. */
export function fileCases(stage: () => Stage): void {
  const readOnly = /Read-only file system/;

  describe("files", () => {
    test(
      "a read-only root, with the pod's files; else it is the container's own to write",
      observes("LinuxContainerSecurityContext.readonly_rootfs"),
      async () => {
        const script =
          "for f in /new /open/file /etc/hostname; do echo x >$f && echo wrote $f; done; cat /proc/self/mountinfo";
        const locked = await stage().look(script, { security: { readonlyRootfs: true } });
        expect(locked.lines.filter((line) => readOnly.test(line))).toHaveLength(3);
        expect([mountOptions(locked.text, "/")[0], mountOptions(locked.text, "/etc/hostname")[0]]).toEqual([
          "ro",
          "ro",
        ]);
        const open = await stage().look(script);
        expect(open.lines.filter((line) => line.startsWith("wrote"))).toEqual(
          ["/new", "/open/file", "/etc/hostname"].map((file) => `wrote ${file}`),
        );
        // its own: the next container has the image's again, and the pod keeps its file
        expect((await stage().look("cat /open/file; ls /new")).text).toMatch(/^old.*No such file/s);
        expect((await stage().look("cat /etc/hostname")).text).toBe("x");
        await stage().look(`echo ${stage().pod.sandboxConfig.hostname} >/etc/hostname`);
      },
    );

    test(
      "masked paths show nothing, exactly those that were sent",
      observes("LinuxContainerSecurityContext.masked_paths"),
      async () => {
        const maskedPaths = [...defaultMaskedPaths, "/secret/file", "/secret/folder", "/there/is/none"];
        const script = `wc -c </secret/file; ls /secret/folder | wc -l; echo x >/secret/folder/new
        ls /sys/firmware | wc -l; head -c 1 /proc/kcore | wc -c; head -c 1 /proc/timer_list | wc -c; ls /there`;
        const { lines } = await stage().look(script, { security: { maskedPaths } });
        expect(lines.filter((line) => /^\d+$/.test(line))).toEqual(["0", "0", "0", "0", "0"]);
        expect(lines.some((line) => readOnly.test(line))).toBe(true);
        const { text } = await stage().look(
          "cat /secret/file /secret/folder/inner; grep -c secret /proc/self/mountinfo",
        );
        expect(text).toBe("readablereadable0");
      },
    );

    test(
      "read-only paths can't be written to, exactly those that were sent",
      observes("LinuxContainerSecurityContext.readonly_paths"),
      async () => {
        // of the pod's own network
        const script =
          "cat /proc/self/mountinfo; echo new >/open/file; echo 63 >/proc/sys/net/ipv4/ip_default_ttl; echo ended";
        const { text, lines } = await stage().look(script, {
          security: { readonlyPaths: [...defaultReadonlyPaths, "/open"] },
        });
        expect(lines.filter((line) => readOnly.test(line))).toHaveLength(2);
        for (const path of ["/proc/sys", "/proc/bus", "/open"]) expect(mountOptions(text, path)[0], path).toBe("ro");
        expect((await stage().look(script)).lines.filter((line) => readOnly.test(line))).toEqual([]);
      },
    );
  });
}
