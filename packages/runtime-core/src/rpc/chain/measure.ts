import type { Link, Watch } from "./chain.ts";

/** From a list that is in memory to a pull that takes its time. */
const secondsBounds = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
];

/** Counts calls by method, version and code, and those that run. */
export const measure: Link = ({ meter }, { rpc, version }) => {
  const durations = meter.histogram(
    {
      name: "keelson_rpc_duration_seconds",
      help: "How long callers waited for their answers, or streams were open.",
      labels: ["method", "version", "code"],
    },
    secondsBounds,
  );
  let running = 0;
  meter.observe(
    {
      name: "keelson_rpc_in_flight",
      help: "Calls that run now, those included whose callers have gone.",
      labels: ["method", "version"],
    },
    "gauge",
    () => (running === 0 ? [] : [[running, rpc, version]]),
  );
  const watch: Watch = {
    told: ({ code, tookMs }) => durations.of(rpc, version, code).record(tookMs / 1000),
    over: () => void running--,
  };
  return () => {
    running++;
    return watch;
  };
};
