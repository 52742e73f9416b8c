import type { CgroupTexts } from "./cgroup-figures.ts";

export interface Transfers {
  readonly times: bigint;
  readonly bytes: bigint;
}

/** What a cgroup has read from and written to one disk. */
export interface DiskUse {
  /** `MAJOR:MINOR` */
  readonly number: string;
  /** Its name for people; the number until somebody looks it up. */
  readonly device: string;
  readonly read: Transfers;
  readonly written: Transfers;
}

/** By lines `MAJOR:MINOR OPERATION NUMBER` (Documentation/admin-guide/cgroup-v1/blkio-controller). */
export function diskUseOfV1(texts: CgroupTexts): readonly DiskUse[] {
  const bytes = byDisk(texts.get("blkio.throttle.io_service_bytes_recursive"));
  const times = byDisk(texts.get("blkio.throttle.io_serviced_recursive"));
  return [...bytes].map(([number, moved]) => {
    const transfers = (operation: string): Transfers => ({
      times: times.get(number)?.get(operation) ?? 0n,
      bytes: moved.get(operation) ?? 0n,
    });
    return { number, device: number, read: transfers("Read"), written: transfers("Write") };
  });
}

function byDisk(text: string | undefined): ReadonlyMap<string, ReadonlyMap<string, bigint>> {
  const disks = new Map<string, Map<string, bigint>>();
  for (const [, number = "", operation = "", value = "0"] of (text ?? "").matchAll(/^(\d+:\d+) (\w+) (\d+)$/gm)) {
    const operations = disks.get(number) ?? new Map<string, bigint>();
    disks.set(number, operations.set(operation, BigInt(value)));
  }
  return disks;
}

/** By lines `MAJOR:MINOR rbytes=… wbytes=… rios=… wios=…` (Documentation/admin-guide/cgroup-v2, io.stat). */
export function diskUseOfV2(text: string | undefined): readonly DiskUse[] {
  return [...(text ?? "").matchAll(/^(\d+:\d+) (.*)$/gm)].map(([, number = "", rest = ""]) => {
    const words = new Map([...rest.matchAll(/(\w+)=(\d+)/g)].map(([, key = "", value = "0"]) => [key, BigInt(value)]));
    const transfers = (times: string, bytes: string): Transfers => ({
      times: words.get(times) ?? 0n,
      bytes: words.get(bytes) ?? 0n,
    });
    const [read, written] = [transfers("rios", "rbytes"), transfers("wios", "wbytes")];
    return { number, device: number, read, written };
  });
}
