import { describe, expect, it } from "vitest";
import { expose } from "./exposition.ts";
import { MetricRegistry } from "./metric-registry.ts";

const text = (registry: MetricRegistry): string =>
  expose(
    registry.collect((name, error) => {
      throw new Error(name, { cause: error });
    }),
  );

describe("a metric registry", () => {
  it("counts, and shows each series in the text format", () => {
    const registry = new MetricRegistry();
    const calls = registry.counter({ name: "calls_total", help: "Calls\nby \\ code.", labels: ["code"] });
    calls.of("OK").add();
    calls.of("OK").add(2);
    calls.of('a "b"\\\n').add();
    registry.counter({ name: "alone_total", help: "No labels." }).of().add();
    expect(text(registry)).toBe(
      "# HELP alone_total No labels.\n# TYPE alone_total counter\nalone_total 1\n" +
        '# HELP calls_total Calls\\nby \\\\ code.\n# TYPE calls_total counter\ncalls_total{code="OK"} 3\n' +
        'calls_total{code="a \\"b\\"\\\\\\n"} 1\n',
    );
  });

  it("shows a histogram with cumulative buckets, their bounds included", () => {
    const registry = new MetricRegistry();
    const took = registry.histogram({ name: "took_seconds", help: "Time.", labels: ["method"] }, [0.5, 1]);
    for (const seconds of [0.25, 0.5, 0.75, 4]) took.of("Version").record(seconds);
    expect(text(registry).split("\n").slice(2, -1)).toEqual([
      'took_seconds_bucket{method="Version",le="0.5"} 2',
      'took_seconds_bucket{method="Version",le="1"} 3',
      'took_seconds_bucket{method="Version",le="+Inf"} 4',
      'took_seconds_sum{method="Version"} 5.5',
      'took_seconds_count{method="Version"} 4',
    ]);
  });

  it("reads what is observed when it is asked, of all who observe it", () => {
    const registry = new MetricRegistry();
    const description = { name: "running", help: "Now.", labels: ["method"] };
    let one = 1;
    registry.observe(description, "gauge", () => [[one, "A"]]);
    registry.observe(description, "gauge", () => [[Number.POSITIVE_INFINITY, "B"]]);
    one = 7;
    expect(text(registry)).toContain('running{method="A"} 7\nrunning{method="B"} +Inf\n');
  });

  it("shows the others when one can't be read", () => {
    const registry = new MetricRegistry();
    const failed: string[] = [];
    registry.observe({ name: "broken", help: "Never." }, "gauge", () => {
      throw new Error("no");
    });
    registry.counter({ name: "good_total", help: "Fine." }).of().add();
    expect(expose(registry.collect((name) => failed.push(name)))).toContain("good_total 1\n");
    expect(failed).toEqual(["broken"]);
  });

  it("gives the same metric under one name, and refuses another kind under it", () => {
    const registry = new MetricRegistry();
    const description = { name: "calls_total", help: "Calls." };
    expect(registry.counter(description).of()).toBe(registry.counter(description).of());
    expect(() => registry.histogram(description, [1])).toThrow(/calls_total is a counter/);
  });

  it("bounds its memory whatever the labels are", () => {
    const registry = new MetricRegistry();
    const series = registry.counter({ name: "calls_total", help: "Calls.", labels: ["id"] });
    for (let id = 0; id < 5000; id++) series.of(`id-${id}`).add();
    const lines = text(registry).split("\n");
    expect(lines.length).toBeLessThan(2010);
    expect(lines).toContain('calls_total{id="other"} 3000');
  });
});
