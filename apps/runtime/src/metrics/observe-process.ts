import { readdirSync } from "node:fs";
import { performance } from "node:perf_hooks";
import process from "node:process";
import type { Meter } from "@keelson/runtime-core/ports";

/** What every Prometheus client tells of its process, and how busy the event loop is. */
export function observeProcess(meter: Meter, version: string): void {
  meter.observe(
    { name: "keelson_build_info", help: "1; the labels say what runs.", labels: ["version", "node"] },
    "gauge",
    () => [[1, version, process.version]],
  );
  meter.observe(
    { name: "process_cpu_seconds_total", help: "CPU time of keelsond itself, user and system." },
    "counter",
    () => {
      const { user, system } = process.cpuUsage();
      return [[(user + system) / 1_000_000]];
    },
  );
  meter.observe({ name: "process_resident_memory_bytes", help: "Memory of keelsond itself." }, "gauge", () => [
    [process.memoryUsage.rss()],
  ]);
  meter.observe({ name: "process_open_fds", help: "Open descriptors of keelsond itself." }, "gauge", () => [
    [readdirSync("/proc/self/fd").length],
  ]);
  meter.observe({ name: "process_start_time_seconds", help: "When keelsond was started, since 1970." }, "gauge", () => [
    [performance.timeOrigin / 1000],
  ]);
  meter.observe(
    { name: "keelson_event_loop_busy_seconds_total", help: "How long the event loop has not been waiting." },
    "counter",
    () => [[performance.eventLoopUtilization().active / 1000]],
  );
}
