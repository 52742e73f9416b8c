// Addresses of both families, in the CNI configuration of a target.
import { randomBytes } from "node:crypto";

/** The `ipam` of host-local with a range of IPv6 beside the one that is there. */
export function withIpv6<Plugin extends Readonly<Record<string, unknown>>>(bridge: Plugin): Plugin {
  const { ranges, routes, ...ipam } = bridge.ipam as {
    readonly ranges: readonly unknown[];
    readonly routes: readonly unknown[];
  };
  const subnet = `fd00:${randomBytes(2).toString("hex")}:${randomBytes(2).toString("hex")}::/64`;
  return {
    ...bridge,
    ipam: { ...ipam, ranges: [...ranges, [{ subnet }]], routes: [...routes, { dst: "::/0" }] },
  };
}
