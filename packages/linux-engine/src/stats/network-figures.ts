import type { Sample, SandboxFigures } from "@keelson/runtime-core/ports";

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
  const all = readLines(text).map(toInterface);
  const own = all.find(({ name }) => name === defaultName) ?? all[0];
  return {
    timestamp,
    ...(own === undefined ? {} : { defaultInterface: own }),
    interfaces: all.filter((one) => one !== own),
  };
}

/** The same as metrics by cAdvisor's names, with packets and those that were dropped. */
export function networkSamples(text: string): readonly Sample[] {
  return readLines(text).flatMap(({ name, received, sent }): readonly Sample[] => {
    const labels = [name];
    return [
      { name: "container_network_receive_bytes_total", value: received.bytes, labels },
      { name: "container_network_receive_packets_total", value: received.packets, labels },
      { name: "container_network_receive_packets_dropped_total", value: received.dropped, labels },
      { name: "container_network_receive_errors_total", value: received.errors, labels },
      { name: "container_network_transmit_bytes_total", value: sent.bytes, labels },
      { name: "container_network_transmit_packets_total", value: sent.packets, labels },
      { name: "container_network_transmit_packets_dropped_total", value: sent.dropped, labels },
      { name: "container_network_transmit_errors_total", value: sent.errors, labels },
    ];
  });
}

interface Direction {
  readonly bytes: bigint;
  readonly packets: bigint;
  readonly errors: bigint;
  readonly dropped: bigint;
}

interface Line {
  readonly name: string;
  readonly received: Direction;
  readonly sent: Direction;
}

/** `NAME: RX-BYTES PACKETS ERRORS DROPS FIFO FRAME COMPRESSED MULTICAST TX-BYTES PACKETS ERRORS DROPS …`; a name holds no colon. */
function readLines(text: string): readonly Line[] {
  return text.split("\n").flatMap((line): Line[] => {
    const [, name = "", counters = ""] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    const numbers = counters.split(/\s+/);
    const isWhole = numbers.length >= 12 && numbers.slice(0, 12).every((one) => /^\d+$/.test(one));
    if (name === "" || name === "lo" || !isWhole) return [];
    const direction = (from: number): Direction => {
      const [bytes = 0n, packets = 0n, errors = 0n, dropped = 0n] = numbers.slice(from, from + 4).map(BigInt);
      return { bytes, packets, errors, dropped };
    };
    return [{ name, received: direction(0), sent: direction(8) }];
  });
}

function toInterface({ name, received, sent }: Line): Interface {
  return {
    name,
    rxBytes: { value: received.bytes },
    rxErrors: { value: received.errors },
    txBytes: { value: sent.bytes },
    txErrors: { value: sent.errors },
  };
}
