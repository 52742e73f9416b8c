import { describe, expect, it } from "vitest";
import { figuresOfV1, figuresOfV2 } from "./cgroup-figures.ts";

const texts = (files: Readonly<Record<string, string>>) => {
  const all = new Map(Object.entries(files));
  return { timestamp: 7n, get: (name: string) => all.get(name) };
};
const timestamp = 7n;
const noLimitOfV1 = "9223372036854771712\n";
const pressure =
  "some avg10=1.50 avg60=0.25 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9007199254740993\n";
const psi = {
  Some: { Total: 12_000n, Avg10: 1.5, Avg60: 0.25, Avg300: 0 },
  Full: { Total: 9_007_199_254_740_993_000n, Avg10: 0, Avg60: 0, Avg300: 0 },
};

describe("figures of a cgroup of v1", () => {
  const files = {
    "cpuacct.usage": "123456789\n",
    "memory.usage_in_bytes": "10000\n",
    "memory.stat":
      "cache 1\nrss 2\ntotal_rss 4096\ntotal_swap 50\ntotal_pgfault 30\ntotal_pgmajfault 3\ntotal_inactive_file 4000\n",
    "memory.limit_in_bytes": "20000\n",
    "memory.memsw.limit_in_bytes": "20100\n",
    "pids.current": "5\n",
  };

  it("are cpuacct's time, the whole subtree's memory and swap, and tasks", () => {
    expect(figuresOfV1(texts(files))).toEqual({
      cpu: { timestamp, usageCoreNanoSeconds: { value: 123_456_789n } },
      memory: {
        timestamp,
        usageBytes: { value: 10_000n },
        workingSetBytes: { value: 6000n },
        availableBytes: { value: 14_000n },
        rssBytes: { value: 4096n },
        pageFaults: { value: 30n },
        majorPageFaults: { value: 3n },
      },
      swap: { timestamp, swapUsageBytes: { value: 50n }, swapAvailableBytes: { value: 50n } },
      tasks: 5n,
    });
  });

  it("have no available bytes without a limit, and nothing below zero", () => {
    const { memory, swap } = figuresOfV1(
      texts({
        ...files,
        "memory.usage_in_bytes": "3999",
        "memory.limit_in_bytes": noLimitOfV1,
        "memory.memsw.limit_in_bytes": noLimitOfV1,
      }),
    );
    expect(memory).toMatchObject({ workingSetBytes: { value: 0n } });
    expect(memory?.availableBytes).toBeUndefined();
    expect(swap).toEqual({ timestamp, swapUsageBytes: { value: 50n } });
    const over = figuresOfV1(texts({ ...files, "memory.limit_in_bytes": "10" }));
    expect(over.memory?.availableBytes).toEqual({ value: 0n });
  });

  it("have the pressure that cgroup2 counts beside v1", () => {
    const hybrid = { "cpu.pressure": pressure, "memory.pressure": pressure, "io.pressure": pressure };
    const { cpu, memory, io } = figuresOfV1(texts({ ...files, ...hybrid }));
    expect([cpu?.psi, memory?.psi, io]).toEqual([psi, psi, { timestamp, psi }]);
  });

  it("are absent with their files", () => {
    expect(figuresOfV1(texts({}))).toEqual({});
    expect(figuresOfV1(texts({ "memory.stat": "total_rss 1\n", "cpuacct.usage": "no number" }))).toEqual({});
  });
});

describe("figures of a cgroup of v2", () => {
  const files = {
    "cpu.stat": "usage_usec 123456\nuser_usec 1\n",
    "cpu.pressure": pressure,
    "memory.current": "10000\n",
    "memory.stat": "anon 4096\nfile 5000\ninactive_file 4000\npgfault 30\npgmajfault 3\n",
    "memory.max": "max\n",
    "memory.pressure": pressure,
    "memory.swap.current": "50\n",
    "memory.swap.max": "20\n",
    "io.pressure": pressure,
    "pids.current": "5\n",
  };

  it("are the same in v2's words, with the pressure on CPU, memory and disks", () => {
    expect(figuresOfV2(texts(files))).toEqual({
      cpu: { timestamp, usageCoreNanoSeconds: { value: 123_456_000n }, psi },
      memory: {
        timestamp,
        usageBytes: { value: 10_000n },
        workingSetBytes: { value: 6000n },
        rssBytes: { value: 4096n },
        pageFaults: { value: 30n },
        majorPageFaults: { value: 3n },
        psi,
      },
      swap: { timestamp, swapUsageBytes: { value: 50n }, swapAvailableBytes: { value: 0n } },
      io: { timestamp, psi },
      tasks: 5n,
    });
    const limited = figuresOfV2(texts({ ...files, "memory.max": "20000" }));
    expect(limited.memory?.availableBytes).toEqual({ value: 14_000n });
  });

  it("are absent with their files, as the pressure on a kernel that does not count it", () => {
    expect(figuresOfV2(texts({}))).toEqual({});
    const { "cpu.pressure": _cpu, "memory.pressure": _memory, "io.pressure": _io, ...rest } = files;
    const figures = figuresOfV2(texts(rest));
    expect([figures.cpu?.psi, figures.memory?.psi, figures.io]).toEqual([undefined, undefined, undefined]);
  });
});
