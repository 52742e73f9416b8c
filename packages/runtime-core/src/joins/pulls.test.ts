import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { AuthConfigSchema, ImageSpecSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { collectingLog, type LogLine } from "../../test/core-harness.ts";
import type { PullRequest, ResolvedImage } from "../ports/index.ts";
import { createManualClock } from "../sim/index.ts";
import { Pulls } from "./pulls.ts";

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Lets the digest of the credentials be made, which is no microtask. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await settle();
}

function open() {
  const clock = createManualClock();
  const lines: LogLine[] = [];
  const begun: { signal: AbortSignal; finish: (image: ResolvedImage) => void; fail: (error: Error) => void }[] = [];
  const pulls = new Pulls({
    clock,
    log: collectingLog(lines),
    pull(_request, task) {
      const { promise, resolve, reject } = Promise.withResolvers<ResolvedImage>();
      task.signal.addEventListener("abort", () => reject(task.signal.reason), { once: true });
      begun.push({ signal: task.signal, finish: resolve, fail: reject });
      return promise;
    },
  });
  const run = (image: MessageInitShape<typeof ImageSpecSchema>, auth?: MessageInitShape<typeof AuthConfigSchema>) => {
    const controller = new AbortController();
    const request: PullRequest = {
      image: create(ImageSpecSchema, image),
      auth: auth === undefined ? undefined : create(AuthConfigSchema, auth),
      sandbox: undefined,
    };
    const answer = pulls.run(request, { signal: controller.signal, follow: () => () => {} });
    answer.catch(() => {});
    return { answer, cut: () => controller.abort(new Error("the caller went")) };
  };
  return { clock, lines, pulls, begun, run };
}

const resolved: ResolvedImage = { id: "sha256:1", ref: "a@sha256:2" };

describe("pulls", () => {
  it("are shared by those who ask for the same with the same credentials", async () => {
    const { begun, run } = open();
    const runs = Array.from({ length: 5 }, () => run({ image: "a" }, { username: "u", password: "p" }));
    await until(() => begun.length > 0);
    await settle();
    expect(begun.length).toBe(1);
    begun[0]?.finish(resolved);
    for (const { answer } of runs) expect(await answer).toBe(resolved);
  });

  type Asked = Parameters<ReturnType<typeof open>["run"]>;

  it.each<[Asked, Asked]>([
    [[{ image: "a" }], [{ image: "b" }]],
    [[{ image: "a" }], [{ image: "a", runtimeHandler: "kata" }]],
    [[{ image: "a" }, { username: "u", password: "p" }], [{ image: "a" }]],
    [
      [{ image: "a" }, { username: "u", password: "p" }],
      [{ image: "a" }, { username: "u", password: "q" }],
    ],
    [
      [{ image: "a" }, { identityToken: "t" }],
      [{ image: "a" }, { registryToken: "t" }],
    ],
  ])("are not shared by %j and %j", async (one, other) => {
    const { begun, run, pulls } = open();
    run(...one);
    run(...other);
    await until(() => begun.length === 2);
    expect(pulls.size).toBe(2);
  });

  it("ask the engine again for each pull that is not shared", async () => {
    const { begun, run } = open();
    const first = run({ image: "a" });
    await until(() => begun.length === 1);
    begun[0]?.finish(resolved);
    await first.answer;
    run({ image: "a" });
    await until(() => begun.length === 2);
  });

  it("end five seconds after the last of their callers went", async () => {
    const { begun, run, clock, pulls } = open();
    const [one, two] = [run({ image: "a" }), run({ image: "a" })];
    await until(() => begun.length === 1);
    one.cut();
    await settle();
    await clock.advance(60_000);
    expect(begun[0]?.signal.aborted).toBe(false);
    two.cut();
    await expect(two.answer).rejects.toThrow("the caller went");
    await clock.advance(4999);
    expect(begun[0]?.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(begun[0]?.signal.reason).toMatchObject({ code: "CANCELED" });
    await settle();
    expect(pulls.size).toBe(0);
  });

  it("go on for a caller that comes back in time", async () => {
    const { begun, run, clock } = open();
    const one = run({ image: "a" });
    await until(() => begun.length === 1);
    one.cut();
    await settle();
    await clock.advance(4000);
    const again = run({ image: "a" });
    await until(() => clock.pending === 0);
    await clock.advance(60_000);
    begun[0]?.finish(resolved);
    expect(await again.answer).toBe(resolved);
    expect(begun.length).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it("tell each caller the failure, and log one that nobody hears", async () => {
    const { begun, run, lines } = open();
    const heard = run({ image: "a" });
    const unheard = run({ image: "b" });
    await until(() => begun.length === 2);
    unheard.cut();
    await settle();
    for (const pull of begun) pull.fail(new Error("no such image"));
    await expect(heard.answer).rejects.toThrow("no such image");
    await settle();
    expect(lines.length).toBe(1);
  });

  it("are aborted at close, and none begins after it", async () => {
    const { begun, run, pulls } = open();
    const one = run({ image: "a" });
    await until(() => begun.length === 1);
    await pulls.close(new Error("stopping"));
    await expect(one.answer).rejects.toThrow("stopping");
    await expect(run({ image: "a" }).answer).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});
