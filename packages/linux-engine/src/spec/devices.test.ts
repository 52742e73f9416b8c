import { describe, expect, it } from "vitest";
import { containerConfig } from "../../test/spec/fixtures.ts";
import { buildDevices, type HostDevice } from "./devices.ts";

const node = (path: string, minor: number): HostDevice => ({
  path,
  type: "c",
  major: 10,
  minor,
  fileMode: 0o660,
  uid: 0,
  gid: 6,
});

function build(device: { hostPath: string; containerPath?: string; permissions?: string }, nodes: HostDevice[]) {
  const config = containerConfig({ devices: [device] });
  return buildDevices({ config, sources: [{ path: device.hostPath, nodes }], hostDevices: [node("/dev/kvm", 232)] });
}

describe("buildDevices()", () => {
  it("T3.07 denies all first, also without any device", () => {
    const { devices, rules } = buildDevices({
      config: containerConfig(),
      sources: [],
      hostDevices: [node("/dev/kvm", 1)],
    });
    expect(devices).toEqual([]);
    expect(rules).toEqual([{ allow: false, access: "rwm" }]);
  });

  it("adds a device under its name inside", () => {
    const { devices, rules } = build({ hostPath: "/dev/fuse", containerPath: "/dev/f", permissions: "rw" }, [
      node("/dev/fuse", 229),
    ]);
    expect(devices).toEqual([node("/dev/f", 229)]);
    expect(rules).toEqual([
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 10, minor: 229, access: "rw" },
    ]);
  });

  it("adds all devices of a folder, and all permissions when none are named", () => {
    const { devices, rules } = build({ hostPath: "/dev/snd", containerPath: "/dev/audio" }, [
      node("/dev/snd/seq", 1),
      node("/dev/snd/by-path/x", 2),
    ]);
    expect(devices.map((device) => device.path)).toEqual(["/dev/audio/seq", "/dev/audio/by-path/x"]);
    expect(rules.slice(1).map((rule) => rule.access)).toEqual(["rwm", "rwm"]);
  });

  it("refuses a path without a device", () => {
    expect(() => build({ hostPath: "/etc/passwd" }, [])).toThrow('there is no device at "/etc/passwd"');
  });

  it.each(["x", "rr", "rwmr", "RW"])("refuses the permissions %j", (permissions) => {
    expect(() => build({ hostPath: "/dev/fuse", permissions }, [node("/dev/fuse", 1)])).toThrow("permissions");
  });
});
