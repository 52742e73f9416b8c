// The runner with cases of its own: what is a failure, for which runtime, and what stays behind.
import { connectCri } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expect as wants } from "../src/assert/expect.ts";
import { type Case, defineCase } from "../src/case.ts";
import { runCases } from "../src/run/run-cases.ts";
import { openSession } from "../src/run/session.ts";
import type { OpenTarget } from "./conformance-suite.ts";
import { openSimulatedTarget } from "./simulated-target.ts";

const made = (name: string, one: Partial<Case>): Case =>
  defineCase({ name, cites: "a test", covers: [], run: async () => undefined, ...one });

describe("runCases()", { timeout: 30_000 }, () => {
  let opened: OpenTarget;
  beforeAll(async () => {
    opened = await openSimulatedTarget();
  });
  afterAll(() => opened.close());

  const run = (...cases: readonly Case[]) =>
    runCases({
      target: opened.target,
      cases: cases.map((one) => ({ id: `errors/${one.name}`, area: "errors", one })),
    });

  it("tells what each case came to, in the order in which they were given", async () => {
    const report = await run(
      made("fails", { run: async () => wants(1).toBe(2) }),
      made("passes", {}),
      made("is skipped", { needs: ["inside"] }),
      made("breaks", { run: async ({ cri }) => void (await cri.containerStatus({ containerId: "none" })) }),
    );
    expect(report.cases.map(({ id, verdict }) => [id, verdict])).toEqual([
      ["errors/fails", "failed"],
      ["errors/passes", "passed"],
      ["errors/is skipped", "skipped"],
      ["errors/breaks", "failed"],
    ]);
    expect(report.counts).toEqual({ passed: 1, failed: 2, known: 0, "unexpected-pass": 0, skipped: 1 });
    expect(report.exitCode).toBe(1);
    const [fails, , skipped, breaks] = report.cases.map(({ outcome }) => outcome);
    expect(fails).toMatchObject({ by: "expectation", reason: "want 2, got 1" });
    expect(skipped?.reason).toBe("needs inside");
    expect(breaks).toMatchObject({ by: "error", reason: expect.stringMatching(/^NOT_FOUND: /) });
    expect(breaks?.transcript[0]).toMatch(/→ ContainerStatus \{"container_id":"none"\}$/);
  });

  it("ends with 0 when all is well", async () => {
    expect((await run(made("passes", {}))).exitCode).toBe(0);
  });

  it("ends a case that hangs, its calls with it, and removes its pods", async () => {
    const hangs = made("hangs", {
      timeoutMs: 200,
      async run({ pod, cri, signal }) {
        const c = await pod.start({ program: { stop: "ignore", exec: [{ afterMs: 60_000 }] } });
        await Promise.all([
          c.exec({ afterMs: 60_000 }, 0),
          cri.stopContainer({ containerId: c.id, timeout: 600n }, { signal }),
        ]);
      },
    });
    const [report] = (await run(hangs)).cases;
    expect(report?.outcome).toMatchObject({ by: "time", reason: "it took longer than 200 ms" });
    const cri = await connectCri({ runtimeEndpoint: opened.target.endpoint });
    expect((await cri.runtime.listPodSandbox({})).items).toEqual([]);
    cri.close();
  });

  it("undoes what a case deferred, the last first, also when the case failed", async () => {
    const undone: string[] = [];
    const fails = made("fails", {
      async run({ cri, defer }) {
        defer("a call", async () => void undone.push((await cri.version({})).runtimeName));
        defer("the last", async () => void undone.push("the last"));
        wants(1).toBe(2);
      },
    });
    expect((await run(fails)).cases[0]?.outcome.reason).toBe("want 2, got 1");
    expect(undone).toEqual(["the last", "keelson"]);
  });

  it("lets nothing run beside a case that wants the node alone, and one case at a time remove images", async () => {
    const session = await openSession(opened.target);
    const running = new Set<string>();
    const seen: string[] = [];
    const noting = (name: string, alone?: "node" | "images"): Case =>
      made(name, {
        ...(alone === undefined ? {} : { alone }),
        async run({ cri }) {
          running.add(name);
          await cri.version({});
          seen.push(`${name} beside ${[...running].filter((other) => other !== name).sort()}`);
          running.delete(name);
        },
      });
    const cases = [noting("a"), noting("i1", "images"), noting("i2", "images"), noting("n", "node"), noting("b")];
    await Promise.all(cases.map((one) => session.run(one)));
    await session.close();
    expect(seen).toContain("n beside ");
    expect(seen.filter((line) => /^i1 .*i2|^i2 .*i1|^[ab] .*n/.test(line))).toEqual([]);
    expect(seen).toHaveLength(5);
  });
});
