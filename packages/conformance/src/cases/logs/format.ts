import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { says } from "../../program/program.ts";

export const bothStreams: Case = defineCase({
  name: "the log has each line of stdout and stderr with its time, stream and the tag F",
  cites: "Kubernetes, CRI: log management for container stdout/stderr streams",
  covers: ["PodSandboxConfig.log_directory", "ContainerConfig.log_path", "ContainerStatus.log_path"],
  critest: [
    "[k8s.io] Container runtime should support log runtime should support starting container with log [Conformance]",
  ],
  async run({ pod }) {
    const log = [{ text: "out" }, { text: "err", stream: "stderr" as const }, { text: " spaces  stay " }];
    const c = await pod.start({ program: { log, exit: { code: 0 } } });
    expect((await c.until("exited")).logPath).toBe(c.logFile);
    const entries = await c.log();
    const of = (stream: string) => entries.filter((one) => one.stream === stream).map(({ text }) => text);
    expect([of("stdout"), of("stderr")]).toEqual([["out", " spaces  stay "], ["err"]]);
    expect(entries.every(({ partial, timeNs }) => !partial && timeNs > 0n)).toBe(true);
  },
});

export const textsAsTheyAre: Case = defineCase({
  name: "the log has empty lines and every character as they were written",
  cites: "Kubernetes, CRI log format: TEXT is what the container wrote, byte for byte",
  covers: ["ContainerConfig.log_path"],
  async run({ pod }) {
    const texts = ["", "\ttab", "ünïcödé €😀", "stdout F looks like a log", "", "\u001b[31mred\u001b[0m", "end"];
    const c = await pod.start({ program: says(...texts) });
    await c.until("exited");
    expect((await c.log()).map(({ text }) => text)).toEqual(texts);
  },
});

export const longLines: Case = defineCase({
  name: "a long line is in the log in parts of at most 16 KiB: all but the last with the tag P",
  cites: "Kubernetes, CRI log format: the tag P, the line goes on in the next entry; containerd splits at 16 KiB",
  covers: ["ContainerConfig.log_path"],
  async run({ pod }) {
    const long = `${"0123456789".repeat(4_000)}end`;
    const c = await pod.start({ program: says("before", long, "after") });
    await c.until("exited");
    const entries = await c.log();
    const [first, last] = [entries[0], entries.at(-1)];
    expect([first?.text, last?.text]).toEqual(["before", "after"]);
    const parts = entries.slice(1, -1);
    expect(parts.map(({ text }) => text).join("")).toBe(long);
    expect(parts.length).toBeGreaterThan(2);
    expect(Math.max(...parts.map(({ text }) => text.length))).toBeLessThan(16 * 1024 + 1);
    expect(parts.map(({ partial }) => partial)).toEqual(parts.map((_, at) => at < parts.length - 1));
  },
});

export const timesOfLines: Case = defineCase({
  name: "the times of a log's lines go forward, between the container's start and its end",
  cites: "Kubernetes, CRI log format: TIME is RFC 3339 with nanoseconds",
  covers: ["ContainerConfig.log_path", "ContainerStatus.finished_at"],
  async run({ pod }) {
    const log = [{ text: "first" }, { text: "later", atMs: 120 }, { text: "last", atMs: 240 }];
    const c = await pod.start({ program: { log, exit: { code: 0, afterMs: 240 } } });
    const { createdAt, finishedAt } = await c.until("exited");
    const times = (await c.log()).map(({ timeNs }) => timeNs);
    const [one = 0n, two = 0n, three = 0n] = times;
    expect(times).toHaveLength(3);
    expect(one).toBeAtLeast(createdAt);
    // how far apart depends on when the runtime came to read them
    expect(two).toBeGreaterThan(one);
    expect(three).toBeGreaterThan(two);
    // the end is seen a moment after the last line, by another clock reading
    expect(finishedAt + 1_000_000_000n).toBeAtLeast(three);
  },
});

export const whileItRuns: Case = defineCase({
  name: "lines are in the log while the container runs",
  cites: "Kubernetes, CRI: kubectl logs --follow reads the file of a running container",
  covers: ["ContainerConfig.log_path"],
  async run({ pod }) {
    const c = await pod.start({ program: { log: [{ text: "one" }, { text: "two", atMs: 50 }] } });
    const entries = await c.untilLogged("two");
    expect(entries.map(({ text }) => text)).toEqual(["one", "two"]);
    expect((await c.status()).finishedAt).toBe(0n);
  },
});

export const wholeWhenExited: Case = defineCase({
  name: "the log is whole when the container is seen to have exited",
  cites: "runtime.v1 ContainerStatus.state: the kubelet reads the log of a container that is EXITED to its end",
  covers: ["ContainerConfig.log_path", "ContainerStatus.state"],
  async run({ pod }) {
    const texts = Array.from({ length: 500 }, (_, at) => `line ${at}`);
    const c = await pod.start({ program: says(...texts) });
    await c.until("exited");
    expect((await c.log()).map(({ text }) => text)).toEqual(texts);
  },
});

export const eachAttemptItsOwn: Case = defineCase({
  name: "each attempt of a container and each container of a pod has its own log",
  cites: "runtime.v1 ContainerConfig.log_path: NAME/ATTEMPT.log from the kubelet",
  covers: ["ContainerConfig.log_path", "ContainerStatus.log_path"],
  critest: [
    "[k8s.io] Multiple Containers [Conformance] when running multiple containers in a pod should support container log",
  ],
  async run({ pod }) {
    const all = [
      await pod.start({ name: "main", attempt: 0, program: says("first") }),
      await pod.start({ name: "main", attempt: 1, program: says("second") }),
      await pod.start({ name: "side", program: says("third") }),
    ];
    for (const c of all) expect((await c.until("exited")).logPath).toBe(c.logFile);
    const texts = await Promise.all(all.map(async (c) => (await c.log()).map(({ text }) => text)));
    expect(texts).toEqual([["first"], ["second"], ["third"]]);
  },
});

export const withoutLineFeed: Case = defineCase({
  name: "output without a line feed at its end is in the log when the container has ended",
  cites: "Kubernetes, CRI log format; containerd internal/cri/io: what is left at the end is written",
  covers: ["ContainerConfig.log_path"],
  needs: ["inside"],
  async run({ pod }) {
    const c = await pod.start({ config: { command: ["printf", "one\\nno end"] } });
    await c.until("exited");
    expect((await c.log()).map(({ text }) => text)).toEqual(["one", "no end"]);
  },
});

export const terminalIsStdout: Case = defineCase({
  name: "all output of a container with a terminal is stdout in its log",
  cites: "runtime.v1 ContainerConfig.tty: stdout and stderr are one stream, and the log has stdout alone",
  covers: ["ContainerConfig.tty"],
  needs: ["inside"],
  async run({ pod }) {
    const log = [{ text: "out" }, { text: "err", stream: "stderr" as const }];
    const c = await pod.start({ program: { log, exit: { code: 0 } }, config: { tty: true } });
    await c.until("exited");
    const entries = await c.log();
    // a terminal ends its lines with CR LF
    expect(entries.map(({ stream, text }) => [stream, text.replace(/\r$/, "")])).toEqual([
      ["stdout", "out"],
      ["stdout", "err"],
    ]);
  },
});
