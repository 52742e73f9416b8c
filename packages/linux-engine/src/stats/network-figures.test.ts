import { describe, expect, it } from "vitest";
import { networkFigures, networkSamples } from "./network-figures.ts";

const head = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`;
const lo =
  "    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0\n";
const eth0 = "  eth0:18446744073709551615 2 3 0 0 0 0 0 4 5 6 0 0 0 0 0\n";
const net1 = "  net1: 10 0 0 0 0 0 0 0 20 0 0 0 0 0 0 0\n";
const named = (name: string, [rx, rxErrors, tx, txErrors]: readonly bigint[]) => ({
  name,
  rxBytes: { value: rx },
  rxErrors: { value: rxErrors },
  txBytes: { value: tx },
  txErrors: { value: txErrors },
});
const eth0Figures = named("eth0", [18_446_744_073_709_551_615n, 3n, 4n, 6n]);
const net1Figures = named("net1", [10n, 0n, 20n, 0n]);

describe("networkFigures()", () => {
  it("tells the pod's own interface apart, and leaves loopback out", () => {
    expect(networkFigures(head + lo + net1 + eth0, "eth0", 7n)).toEqual({
      timestamp: 7n,
      defaultInterface: eth0Figures,
      interfaces: [net1Figures],
    });
  });

  it("takes another interface where there is none of the name, and none where there is none", () => {
    expect(networkFigures(head + lo + net1, "eth0", 7n)).toEqual({
      timestamp: 7n,
      defaultInterface: net1Figures,
      interfaces: [],
    });
    expect(networkFigures(head + lo, "eth0", 7n)).toEqual({ timestamp: 7n, interfaces: [] });
    expect(networkFigures("", "eth0", 7n)).toEqual({ timestamp: 7n, interfaces: [] });
  });
});

describe("networkSamples()", () => {
  it("has the counters of each interface but loopback under cAdvisor's names", () => {
    const told = networkSamples(head + lo + net1 + eth0).map(({ name, labels, value }) => [name, labels?.[0], value]);
    expect(told.filter(([, device]) => device === "eth0")).toEqual([
      ["container_network_receive_bytes_total", "eth0", 18_446_744_073_709_551_615n],
      ["container_network_receive_packets_total", "eth0", 2n],
      ["container_network_receive_packets_dropped_total", "eth0", 0n],
      ["container_network_receive_errors_total", "eth0", 3n],
      ["container_network_transmit_bytes_total", "eth0", 4n],
      ["container_network_transmit_packets_total", "eth0", 5n],
      ["container_network_transmit_packets_dropped_total", "eth0", 0n],
      ["container_network_transmit_errors_total", "eth0", 6n],
    ]);
    expect(new Set(told.map(([, device]) => device))).toEqual(new Set(["net1", "eth0"]));
    expect(networkSamples(head)).toEqual([]);
  });
});
