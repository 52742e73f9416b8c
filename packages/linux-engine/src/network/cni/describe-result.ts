import type { Json } from "@keelson/runtime-core/ports";
import { type CniAddress, parseCniResult } from "./cni-result.ts";

/**
 * An answer in the form of containerd's `cniResult`, which tools read from a verbose status: addresses by interface
 * (those without one under the first interface in the pod), routes and DNS as the plugins gave them.
 */
export function describeResult(resultJson: string): Json {
  const result = parseCniResult(resultJson);
  const whole = JSON.parse(resultJson) as { readonly routes?: Json; readonly dns?: Json };
  const inPod = result.interfaces.findIndex((one) => one.sandbox !== "");
  const addresses = (index: number): Json =>
    result.ips
      .filter((ip) => (ip.interface ?? inPod) === index)
      .map(({ address, gateway }) => ({ IP: address, Gateway: gateway }));
  const entries = result.interfaces.map((one, index): [string, Json] => [
    one.name,
    { IPConfigs: addresses(index), Mac: one.mac, Sandbox: one.sandbox },
  ]);
  const unnamed =
    result.interfaces.length === 0
      ? [["eth0", { IPConfigs: unnamedAddresses(result.ips), Mac: "", Sandbox: "" }] as const]
      : [];
  return {
    Interfaces: Object.fromEntries([...entries, ...unnamed]),
    DNS: whole.dns === undefined ? [] : [whole.dns],
    Routes: whole.routes ?? [],
  };
}

function unnamedAddresses(ips: readonly CniAddress[]): Json {
  return ips.map(({ address, gateway }) => ({ IP: address, Gateway: gateway }));
}
