import type { Core } from "../core.ts";
import type { Reading } from "../ports/meter.ts";
import { containerStateName, sandboxStateName } from "../state/states.ts";

/** What a core knows of itself anyway, for whoever asks. */
export function observeCore(core: Core): void {
  const { meter } = core;
  meter.observe({ name: "keelson_sandboxes", help: "Sandboxes that have a record.", labels: ["state"] }, "gauge", () =>
    countBy(core.sandboxes.all(), sandboxStateName),
  );
  meter.observe(
    { name: "keelson_containers", help: "Containers that have a record.", labels: ["state"] },
    "gauge",
    () => countBy(core.containers.all(), containerStateName),
  );
  meter.observe(
    {
      name: "keelson_creates_unclaimed",
      help: "Objects that nobody sees: in the making, finished for a caller that had gone, or being reverted.",
      labels: ["kind"],
    },
    "gauge",
    () => [
      [core.sandboxJoins.size, "sandbox"],
      [core.containerJoins.size, "container"],
    ],
  );
  meter.observe({ name: "keelson_event_subscribers", help: "Callers of GetContainerEvents." }, "gauge", () => [
    [core.events.size],
  ]);
  meter.observe(
    { name: "keelson_events_total", help: "Container events that were told to somebody." },
    "counter",
    () => [[core.events.published]],
  );
  meter.observe(
    {
      name: "keelson_event_subscribers_dropped_total",
      help: "Callers of GetContainerEvents that did not read and were cut off.",
    },
    "counter",
    () => [[core.events.dropped]],
  );
}

function countBy<T>(all: Iterable<T>, nameOf: (one: T) => string): readonly Reading[] {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(nameOf(one), (counts.get(nameOf(one)) ?? 0) + 1);
  return [...counts].map(([name, count]): Reading => [count, name]);
}
