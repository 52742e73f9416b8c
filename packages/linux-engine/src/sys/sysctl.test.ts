import { describe, expect, it } from "vitest";
import { checkSysctlValue, sysctlPlace } from "./sysctl.ts";

describe("sysctlPlace()", () => {
  it("T6.01: takes what belongs to a pod's own namespaces, in both notations", () => {
    expect(sysctlPlace("net.ipv4.ip_forward")).toEqual({ path: "net/ipv4/ip_forward", namespace: "net" });
    expect(sysctlPlace("net/ipv4/conf/eth0.100/forwarding").path).toBe("net/ipv4/conf/eth0.100/forwarding");
    expect(sysctlPlace("net.ipv4.conf.eth0/100.forwarding").path).toBe("net/ipv4/conf/eth0.100/forwarding");
    for (const key of ["kernel.shmmax", "kernel.shm_rmid_forced", "kernel/msgmax", "kernel.sem", "fs.mqueue.msg_max"]) {
      expect(sysctlPlace(key).namespace).toBe("ipc");
    }
  });

  it.each([
    ["kernel.core_pattern"],
    ["kernel.shm"],
    ["kernel.shmmax.x"],
    ["kernel.sem_next_id"],
    ["kernel.hostname"],
    ["vm.overcommit_memory"],
    ["fs.mqueue"],
    ["fs.file-max"],
    ["net"],
    ["net."],
    ["net..x"],
    [""],
    ["/net/ipv4/ip_forward"],
    ["net/../kernel/core_pattern"],
    ["net././kernel.core_pattern"],
    ["net.ipv4.//.//.kernel.core_pattern"],
    ["net.a b"],
    ["net.a\0b"],
    ["net.ipv4.ip_forward=1+kernel.core_pattern"],
    [`net.${"a".repeat(300)}`],
  ])("T6.01: refuses %j", (key) => {
    expect(() => sysctlPlace(key)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});

describe("checkSysctlValue()", () => {
  it("T6.01: takes one line of text and nothing else", () => {
    for (const value of ["1", "", "4096\t87380 6291456", "+kernel.x=1"]) checkSysctlValue("net.x", value);
    for (const value of ["1\n2", "\0", "\u007f", "x".repeat(5000)]) {
      expect(() => checkSysctlValue("net.x", value)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
  });
});
