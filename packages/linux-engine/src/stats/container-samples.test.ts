import { describe, expect, it } from "vitest";
import { containerSamples } from "./container-samples.ts";
import { deviceNumber } from "./disk-names.ts";

const texts = (files: Readonly<Record<string, string>>) => ({
  timestamp: 7n,
  get: (name: string) => new Map(Object.entries(files)).get(name),
});
const pressure =
  "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n";

/** Names with their values; labels behind the name. */
function told(files: Readonly<Record<string, string>>, version: 1 | 2): Readonly<Record<string, bigint>> {
  const samples = containerSamples(texts(files), version);
  return Object.fromEntries(samples.map(({ name, labels = [], value }) => [[name, ...labels].join(" "), value]));
}

const same = {
  container_cpu_usage_seconds_total: 12n,
  container_cpu_user_seconds_total: 7n,
  container_cpu_system_seconds_total: 5n,
  container_cpu_cfs_periods_total: 30n,
  container_cpu_cfs_throttled_periods_total: 20n,
  container_cpu_cfs_throttled_seconds_total: 3n,
  container_memory_usage_bytes: 10_000n,
  container_memory_working_set_bytes: 6000n,
  container_memory_max_usage_bytes: 11_000n,
  container_memory_rss: 4096n,
  container_memory_cache: 5000n,
  container_memory_mapped_file: 100n,
  container_memory_kernel_usage: 200n,
  container_memory_swap: 50n,
  container_memory_total_active_file_bytes: 1000n,
  container_memory_total_inactive_file_bytes: 4000n,
  container_memory_failcnt: 8n,
  "container_memory_failures_total pgfault hierarchy": 30n,
  "container_memory_failures_total pgmajfault hierarchy": 3n,
  container_oom_events_total: 2n,
  container_threads: 5n,
  container_threads_max: 0n,
  "container_fs_reads_total 253:0": 1n,
  "container_fs_reads_bytes_total 253:0": 4096n,
  "container_fs_writes_total 253:0": 2n,
  "container_fs_writes_bytes_total 253:0": 8192n,
  "container_blkio_device_usage_total 253:0 253 0 Read": 4096n,
  "container_blkio_device_usage_total 253:0 253 0 Write": 8192n,
  container_pressure_cpu_waiting_seconds_total: 2n,
  container_pressure_cpu_stalled_seconds_total: 1n,
};

describe("containerSamples()", () => {
  it("tells the same by both versions of cgroups", () => {
    const v1 = {
      "cpuacct.usage": "12999999999\n",
      "cpuacct.stat": "user 799\nsystem 500\n",
      "cpu.stat": "nr_periods 30\nnr_throttled 20\nthrottled_time 3999999999\n",
      "cpu.pressure": pressure,
      "memory.usage_in_bytes": "10000\n",
      "memory.max_usage_in_bytes": "11000\n",
      "memory.kmem.usage_in_bytes": "200\n",
      "memory.failcnt": "8\n",
      "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
      "memory.stat":
        "cache 1\ntotal_cache 5000\ntotal_rss 4096\ntotal_mapped_file 100\ntotal_swap 50\ntotal_pgfault 30\ntotal_pgmajfault 3\ntotal_inactive_file 4000\ntotal_active_file 1000\n",
      "pids.current": "5\n",
      "pids.max": "max\n",
      "blkio.throttle.io_service_bytes_recursive":
        "253:0 Read 4096\n253:0 Write 8192\n253:0 Total 12288\nTotal 12288\n",
      "blkio.throttle.io_serviced_recursive": "253:0 Read 1\n253:0 Write 2\nTotal 3\n",
    };
    expect(told(v1, 1)).toEqual(same);
    const v2 = {
      "cpu.stat":
        "usage_usec 12999999\nuser_usec 7999999\nsystem_usec 5000000\nnr_periods 30\nnr_throttled 20\nthrottled_usec 3999999\n",
      "cpu.pressure": pressure,
      "memory.current": "10000\n",
      "memory.peak": "11000\n",
      "memory.events": "low 0\nhigh 0\nmax 8\noom 1\noom_kill 2\n",
      "memory.stat":
        "anon 4096\nfile 5000\nkernel 200\nfile_mapped 100\ninactive_file 4000\nactive_file 1000\npgfault 30\npgmajfault 3\n",
      "memory.swap.current": "50\n",
      "pids.current": "5\n",
      "pids.max": "max\n",
      "io.stat": "253:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n",
    };
    expect(told(v2, 2)).toEqual(same);
  });

  it("leaves out what is not there", () => {
    expect([told({}, 1), told({}, 2)]).toEqual([{}, {}]);
    expect(told({ "pids.max": "10\n" }, 2)).toEqual({ container_threads_max: 10n });
  });
});

describe("deviceNumber()", () => {
  it("takes stat's device apart as major(3) and minor(3) do", () => {
    expect([deviceNumber(0xfd00n), deviceNumber(0x1034n), deviceNumber(0x10300200n)]).toEqual([
      "253:0",
      "16:52",
      "2:66304",
    ]);
  });
});
