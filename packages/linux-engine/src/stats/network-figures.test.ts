import { describe, expect, it } from "vitest";
import { networkFigures } from "./network-figures.ts";

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
