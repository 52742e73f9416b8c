import { describe, expect, it } from "vitest";
import { parseCniResult, podAddresses } from "./cni-result.ts";
import { describeResult } from "./describe-result.ts";

const parse = (object: object) => parseCniResult(JSON.stringify(object));

describe("parseCniResult()", () => {
  it("reads addresses and interfaces of a 1.0.0 result", () => {
    const result = parse({
      interfaces: [{ name: "cni0" }, { name: "eth0", mac: "02:01", sandbox: "/run/netns/x", mtu: 1500 }],
      ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1", interface: 1 }],
      dns: {},
    });
    expect(result.interfaces).toEqual([
      { name: "cni0", mac: "", sandbox: "" },
      { name: "eth0", mac: "02:01", sandbox: "/run/netns/x" },
    ]);
    expect(result.ips).toEqual([{ address: "10.1.0.5", prefixLength: 16, gateway: "10.1.0.1", interface: 1 }]);
  });

  it("reads a 0.2.0 result and Go's empty lists", () => {
    const early = parse({ cniVersion: "0.2.0", ip4: { ip: "10.1.0.5/16" }, ip6: { ip: "fd00::5/64" } });
    expect(podAddresses(early, "eth0")).toEqual(["10.1.0.5", "fd00::5"]);
    expect(parse({ interfaces: null, ips: null })).toMatchObject({ interfaces: [], ips: [] });
  });

  it.each([
    [{ ips: [{ address: "10.1.0.5" }] }, "not an address with a prefix length"],
    [{ ips: [{ address: "10.1.0.5/33" }] }, "not an address with a prefix length"],
    [{ ips: [{ address: "10.1.0.5/1e1" }] }, "not an address with a prefix length"],
    [{ ips: [{ address: "fe80::1%eth0/64" }] }, "not an address with a prefix length"],
    [{ ips: [{}] }, "not an address with a prefix length"],
    [{ ips: [{ address: "10.1.0.5/8", gateway: "x" }] }, "gateway"],
    [{ ips: [{ address: "10.1.0.5/8", interface: 0 }] }, "interface 0 is not in the list of 0"],
    [{ ips: [{ address: "10.1.0.5/8", interface: -1 }] }, "want an integer"],
    [{ ips: Array(257).fill({ address: "10.1.0.5/8" }) }, "257 items"],
    [{ interfaces: [{ name: "" }] }, "no name"],
    [{ interfaces: [{ name: "x".repeat(129) }] }, "129 characters"],
  ])("refuses %j", (object, said) => {
    expect(() => parse(object)).toThrow(said);
  });
});

describe("podAddresses()", () => {
  it("takes those of the pod's interface, the first IPv4 address in front", () => {
    const result = parse({
      interfaces: [{ name: "eth0" }, { name: "eth0", sandbox: "/n" }, { name: "net1", sandbox: "/n" }],
      ips: [
        { address: "192.0.2.1/24", interface: 0 },
        { address: "fd00::5/64", interface: 1 },
        { address: "10.9.0.1/24", interface: 2 },
        { address: "10.1.0.5/16", interface: 1 },
        { address: "10.1.0.6/16" },
      ],
    });
    expect(podAddresses(result, "eth0")).toEqual(["10.1.0.5", "fd00::5", "10.1.0.6"]);
  });
});

describe("describeResult()", () => {
  it("has containerd's form", () => {
    const { json } = parse({
      interfaces: [{ name: "veth1" }, { name: "eth0", mac: "02:01", sandbox: "/n" }],
      ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1" }],
      routes: [{ dst: "0.0.0.0/0" }],
      dns: { domain: "x" },
    });
    expect(describeResult(json)).toEqual({
      Interfaces: {
        veth1: { IPConfigs: [], Mac: "", Sandbox: "" },
        eth0: { IPConfigs: [{ IP: "10.1.0.5", Gateway: "10.1.0.1" }], Mac: "02:01", Sandbox: "/n" },
      },
      DNS: [{ domain: "x" }],
      Routes: [{ dst: "0.0.0.0/0" }],
    });
    expect(describeResult('{"ips":[{"address":"10.0.0.1/8"}]}')).toMatchObject({
      Interfaces: { eth0: { IPConfigs: [{ IP: "10.0.0.1", Gateway: "" }] } },
    });
  });
});
