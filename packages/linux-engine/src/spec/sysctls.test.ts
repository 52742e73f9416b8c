import { describe, expect, it } from "vitest";
import { podSysctls, refuseSysctls } from "./sysctls.ts";

const own = { network: false, ipc: false, pid: false, uts: false };

describe("podSysctls()", () => {
  it("T6.01 reads dots and slashes as sysctl does", () => {
    expect(
      podSysctls({
        "net.ipv4.ip_local_port_range": "1024 65535",
        "net/ipv4/conf/eth0.100/forwarding": "1",
        "net.ipv4.conf.eth0/100.forwarding": "1",
        "kernel.shm_rmid_forced": "1",
        "fs.mqueue.msg_max": "10",
      }).map(({ path, namespace }) => [path, namespace]),
    ).toEqual([
      ["net/ipv4/ip_local_port_range", "network"],
      ["net/ipv4/conf/eth0.100/forwarding", "network"],
      ["net/ipv4/conf/eth0.100/forwarding", "network"],
      ["kernel/shm_rmid_forced", "ipc"],
      ["fs/mqueue/msg_max", "ipc"],
    ]);
  });

  it.each(["", "net", "net..ipv4", "net/../kernel/x", "net.ipv4.+x", "net/ipv4/a\n", ".net.x", "/net/x", "net.//.x"])(
    "T6.01 refuses the name %j",
    (key) => {
      expect(() => podSysctls({ [key]: "1" })).toThrow("is not the name of a sysctl");
    },
  );

  it.each(["1+kernel.core_pattern=|/bin/sh", "1\n2", "a=b", "1\0"])("T6.01 refuses the value %j", (value) => {
    expect(() => podSysctls({ "net.core.somaxconn": value })).toThrow("is not a plain value");
  });
});

describe("refuseSysctls()", () => {
  it.each(["kernel.core_pattern", "vm.swappiness", "fs.file-max", "kernel.hostname", "kernel.shm", "fs.mqueuex.y"])(
    "T6.01 refuses %s of the machine",
    (key) => {
      expect(refuseSysctls({ [key]: "1" }, own)).toContain("belongs to the whole machine");
    },
  );

  it("T6.01 refuses those of a namespace that is the host's", () => {
    expect(refuseSysctls({ "net.core.somaxconn": "1" }, { ...own, network: true })).toContain("host's network");
    expect(refuseSysctls({ "kernel.sem": "1 2 3 4" }, { ...own, ipc: true })).toContain("host's ipc");
    expect(refuseSysctls({ "net.core.somaxconn": "1", "kernel.sem": "1 2 3 4" }, own)).toBeUndefined();
  });
});
