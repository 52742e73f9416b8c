import type { SandboxFigures } from "@keelson/runtime-core/ports";

type Interface = NonNullable<NonNullable<SandboxFigures["network"]>["defaultInterface"]>;

/**
 * What went through the interfaces of a pod, from its `/proc/net/dev` (proc_net(5)), without loopback.
 * @param defaultName the interface of the pod's own network; another one takes its place where there is none of the name
 */
export function networkFigures(
  text: string,
  defaultName: string,
  timestamp: bigint,
): NonNullable<SandboxFigures["network"]> {
  const all = text.split("\n").flatMap(readLine);
  const own = all.find(({ name }) => name === defaultName) ?? all[0];
  return {
    timestamp,
    ...(own === undefined ? {} : { defaultInterface: own }),
    interfaces: all.filter((one) => one !== own),
  };
}

/** `NAME: RX-BYTES PACKETS ERRORS DROPS FIFO FRAME COMPRESSED MULTICAST TX-BYTES PACKETS ERRORS …`; a name holds no colon. */
function readLine(line: string): Interface[] {
  const [, name = "", counters = ""] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
  const numbers = counters.split(/\s+/);
  if (name === "" || name === "lo" || numbers.length < 11 || !numbers.slice(0, 11).every((one) => /^\d+$/.test(one))) {
    return [];
  }
  const counter = (index: number) => ({ value: BigInt(numbers[index] ?? 0) });
  return [{ name, rxBytes: counter(0), rxErrors: counter(2), txBytes: counter(8), txErrors: counter(10) }];
}
