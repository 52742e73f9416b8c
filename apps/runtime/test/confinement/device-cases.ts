import { describe, expect, test } from "vitest";
import { notKept, type Refusal } from "../harness/refusals.ts";
import { observes, refuses } from "./claims.ts";
import { hostDevice, type Stage } from "./stage.ts";

export function deviceCases(stage: () => Stage): void {
  describe("devices", () => {
    test("T3.07: none but the usual ones, whatever a container makes itself", async () => {
      const numbers = (await stage().look(`stat -c '%t %T' ${hostDevice()}`, {}, stage().hostPod)).text;
      expect(numbers).toMatch(/No such file/);
      const { lines } = await stage().look(
        "ls /dev; for n in null zero full random urandom; do head -c 0 /dev/$n && echo $n; done",
      );
      const usual = ["full", "null", "random", "tty", "urandom", "zero"];
      const links = ["fd", "mqueue", "ptmx", "pts", "shm", "stderr", "stdin", "stdout"];
      expect(
        lines
          .slice(0, -5)
          .filter((name) => name !== "core")
          .sort(),
      ).toEqual([...usual, ...links].sort());
      // a node of its own for the kernel's log, for memory, for a disk: there to see, and not to open
      const { text } = await stage().look(
        "for n in 'c 1 11' 'c 1 1' 'b 7 0' 'c 10 237'; do mknod /tmp/n $n; true </tmp/n || echo refused; rm /tmp/n; done",
      );
      expect(text.match(/refused/g)).toHaveLength(4);
      expect(text.match(/not permitted/g)).toHaveLength(4);
    });

    test(
      "one of the host's, by another name, with the rights that were asked for",
      observes("Device.container_path", "Device.host_path", "Device.permissions"),
      async () => {
        const hostPath = hostDevice();
        const script = `for d in /dev/mine /dev/whole ${hostPath}; do test -c $d || continue; true <$d && echo read $d; true >>$d && echo wrote $d; done; ls -l /dev/mine`;
        const devices = [{ hostPath, containerPath: "/dev/mine", permissions: "r" }];
        const { lines } = await stage().look(script, { extra: { devices } });
        expect(lines.filter((line) => /^(read|wrote)/.test(line))).toEqual(["read /dev/mine"]);
        expect(lines.some((line) => /mine: Operation not permitted/.test(line))).toBe(true);
        expect(lines.at(-1)).toMatch(/^c/);
        const whole = await stage().look(script, {
          extra: { devices: [{ hostPath, containerPath: "/dev/whole", permissions: "rwm" }, { hostPath }] },
        });
        expect(whole.lines.filter((line) => /^(read|wrote)/.test(line))).toEqual(
          ["/dev/whole", hostPath].flatMap((path) => [`read ${path}`, `wrote ${path}`]),
        );
      },
    );

    test(
      "T3.07: what is no device of the host, or a path that is too long, is refused",
      refuses("ContainerConfig.CDI_devices"),
      async () => {
        const { create, refused } = stage();
        const none = (hostPath: string): Refusal => [
          () => create({ extra: { devices: [{ hostPath }] } }),
          "FAILED_PRECONDITION",
          /devices\[0\]: there is no device at/,
        ];
        const long = { mounts: [{ containerPath: "/x", hostPath: `/${"x".repeat(70 * 1024)}` }] };
        await refused(
          none("/etc/passwd"),
          none("/dev/keelson-has-none"),
          notKept("CDI_devices", () => create({ extra: { CDIDevices: [{ name: "vendor.com/gpu=0" }] } })),
          [() => create({ extra: long }), "INVALID_ARGUMENT", /mounts\[0\]\.host_path is too long/],
        );
      },
    );
  });
}
