import { parseLogLine } from "@keelson/cri-api/logs";
import { Signal } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { LeftBehind } from "../src/ports/index.ts";
import { createManualClock, createMemoryLogs, createSimulatedEngine } from "../src/sim/index.ts";
import {
  busybox,
  freeTask,
  imageSpec,
  makeContainer,
  memoryJournal,
  openEngine,
  sandboxRecord,
} from "./sim-fixture.ts";

const noCaller = new AbortController().signal;

describe("a container of the simulated engine", () => {
  test("logs its lines at their times and exits with its code", async () => {
    const { engine, clock, logs, ends } = await openEngine();
    const script = {
      log: [{ text: "one" }, { text: "two\nthree\n", stream: "stderr", atMs: 20 }],
      exit: { code: 7, afterMs: 50 },
    };
    const { record, sandbox, journal } = await makeContainer(engine, "a", script);
    const started = await engine.containers.start(record, sandbox, journal, freeTask());
    expect(started).toEqual({ startedAtNs: clock.now(), pid: 0 });
    await clock.advance(49);
    expect(ends.told).toEqual([]);
    await clock.advance(1);
    const exit = await ends.until("a");
    expect(exit).toEqual({ code: 7, reason: "Error", message: "", finishedAtNs: started.startedAtNs + 50_000_000n });
    const lines = logs
      .read("/logs/pod/a.log")
      .trimEnd()
      .split("\n")
      .map((line) => parseLogLine(line));
    expect(lines.map((line) => [line?.stream, line?.text])).toEqual([
      ["stdout", "one"],
      ["stderr", "two"],
      ["stderr", "three"],
    ]);
  });

  test("runs until a stop signal ends it with 128 + its number", async () => {
    const { engine, clock, ends } = await openEngine();
    const { record, sandbox, journal } = await makeContainer(engine, "a");
    await engine.containers.start(record, sandbox, journal, freeTask());
    await clock.advance(1_000_000);
    expect(ends.told).toEqual([]);
    await engine.containers.signal(record, "stop");
    expect((await ends.until("a")).code).toBe(143);
  });

  test("takes the configured stop signal before SIGTERM", async () => {
    const { engine, ends } = await openEngine();
    const { record, sandbox, journal } = await makeContainer(engine, "a");
    await engine.containers.start(record, sandbox, journal, freeTask());
    await engine.containers.signal(
      { ...record, config: { ...record.config, stopSignal: Signal.SIGRTMINPLUS3 } },
      "stop",
    );
    expect((await ends.until("a")).code).toBe(128 + 37);
  });

  test("may ignore a stop signal, never a kill", async () => {
    const { engine, clock, ends } = await openEngine();
    const { record, sandbox, journal } = await makeContainer(engine, "a", { stop: "ignore" });
    await engine.containers.start(record, sandbox, journal, freeTask());
    await engine.containers.signal(record, "stop");
    await clock.advance(60_000);
    expect(ends.told).toEqual([]);
    await engine.containers.signal(record, "kill");
    expect((await ends.until("a")).code).toBe(137);
  });

  test("may say and do something at a stop signal", async () => {
    const { engine, clock, ends, logs } = await openEngine();
    const { record, sandbox, journal } = await makeContainer(engine, "a", {
      stop: { code: 0, afterMs: 30, log: [{ text: "bye" }] },
    });
    await engine.containers.start(record, sandbox, journal, freeTask());
    await engine.containers.signal(record, "stop");
    await clock.advance(30);
    expect(await ends.until("a")).toMatchObject({ code: 0, reason: "Completed" });
    expect(logs.read("/logs/pod/a.log")).toMatch(/ stdout F bye\n$/);
  });

  test("fails to start with its start error, and nothing of it runs", async () => {
    const { engine, world } = await openEngine();
    const { record, sandbox, journal } = await makeContainer(engine, "a", { startError: 'no "nix" in the image' });
    const start = engine.containers.start(record, sandbox, journal, freeTask());
    await expect(start).rejects.toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("nix") });
    expect(world.leftovers().filter((one) => one.startsWith("process"))).toEqual([]);
  });

  test("answers exec as scripted, and with 0 where the script says nothing", async () => {
    const { engine, clock } = await openEngine();
    const { record, sandbox, journal } = await makeContainer(engine, "a", {
      exec: [
        { command: ["cat", "f"], stdout: "text", stderr: "warn", code: 3 },
        { command: ["slow"], afterMs: 5000 },
        { command: ["nix"], notFound: true },
        { command: ["true"] },
        { code: 9 },
      ],
    });
    const exec = (command: string[], timeoutMs?: number, signal = noCaller) =>
      engine.containers.exec(record, { command, timeoutMs, signal });
    await expect(exec(["true"])).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    await engine.containers.start(record, sandbox, journal, freeTask());
    const answer = await exec(["cat", "f"]);
    expect([answer.exitCode, new TextDecoder().decode(answer.stdout)]).toEqual([3, "text"]);
    expect(await exec(["true"])).toMatchObject({ exitCode: 0, stdout: new Uint8Array() });
    expect((await exec(["cat", "g"])).exitCode).toBe(9);
    await expect(exec(["nix"])).rejects.toMatchObject({ code: "NOT_FOUND" });
    const late = expect(exec(["slow"], 100)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    await clock.untilPending(2);
    await clock.advance(100);
    await late;
    const caller = new AbortController();
    const left = expect(exec(["slow"], undefined, caller.signal)).rejects.toMatchObject({ code: "CANCELED" });
    await clock.untilPending(1);
    caller.abort();
    await left;
    expect(clock.pending).toBe(0);
  });
});

describe("sandboxes of the simulated engine", () => {
  test("get different addresses and give everything back", async () => {
    const { engine, world } = await openEngine();
    const one = memoryJournal();
    const two = memoryJournal();
    const [first, second] = await Promise.all([
      engine.sandboxes.create(sandboxRecord("one"), one, freeTask()),
      engine.sandboxes.create(sandboxRecord("two"), two, freeTask()),
    ]);
    expect(new Set([...first.ips, ...second.ips]).size).toBe(2);
    await engine.sandboxes.stop(sandboxRecord("one"), one);
    expect(world.leftovers().filter((left) => left.endsWith("one"))).toEqual(["files one"]);
    await engine.sandboxes.remove(sandboxRecord("one"), one);
    await engine.sandboxes.remove(sandboxRecord("one"), one);
    await engine.sandboxes.remove(sandboxRecord("two"), two);
    expect(world.leftovers()).toEqual([]);
  });

  test("revert what was made when a step fails, also one that was perhaps applied", async () => {
    for (const point of ["attach-network.apply", "attach-network.applied"] as const) {
      const { engine, world, faults } = await openEngine();
      faults.fail(point, new Error("no address"));
      const create = engine.sandboxes.create(sandboxRecord("one"), memoryJournal(), freeTask());
      await expect(create).rejects.toThrow("no address");
      expect(world.leftovers()).toEqual([]);
    }
  });

  test("say what is left behind when a revert fails too", async () => {
    const { engine, world, faults } = await openEngine();
    faults.fail("attach-network.applied", new Error("the plugin hangs"));
    faults.fail("attach-network.revert", new Error("and hangs again"));
    const journal = memoryJournal();
    const create = engine.sandboxes.create(sandboxRecord("one"), journal, freeTask());
    await expect(create).rejects.toBeInstanceOf(LeftBehind);
    expect(world.leftovers()).toEqual(["address one"]);
    await engine.sandboxes.remove(sandboxRecord("one"), journal);
    expect(world.leftovers()).toEqual([]);
  });

  test("wait at a step that is held, and stop waiting when nobody wants them any more", async () => {
    const { engine, world, faults } = await openEngine();
    const hold = faults.hold("attach-network.apply");
    const task = new AbortController();
    const created = engine.sandboxes.create(sandboxRecord("one"), memoryJournal(), freeTask());
    const unwanted = engine.sandboxes.create(sandboxRecord("two"), memoryJournal(), freeTask(task.signal));
    await hold.arrived(2);
    task.abort(new Error("nobody waits"));
    await expect(unwanted).rejects.toThrow("nobody waits");
    hold.release();
    expect((await created).ips).toHaveLength(1);
    expect(world.leftovers().every((left) => left.endsWith("one"))).toBe(true);
  });
});

describe("images of the simulated engine", () => {
  test("are on the node only after a pull, then under all their names", async () => {
    const { engine } = await openEngine();
    await expect(engine.images.resolve(imageSpec(busybox))).rejects.toMatchObject({ code: "NOT_FOUND" });
    const pull = (image: string) =>
      engine.images.pull({ image: imageSpec(image), auth: undefined, sandbox: undefined }, freeTask());
    const pulled = await pull("busybox:1.36");
    const again = await pull("busybox");
    expect(again.id).toBe(pulled.id);
    const [image] = await engine.images.list(imageSpec(busybox));
    expect(image?.repoTags).toEqual([busybox, "docker.io/library/busybox:latest"]);
    expect(image?.repoDigests).toEqual([pulled.ref]);
    expect(image?.size).toBeGreaterThan(0n);
    for (const name of [pulled.id, pulled.id.slice(7, 20), pulled.ref]) {
      expect((await engine.images.status(imageSpec(name)))?.id).toBe(pulled.id);
    }
    await engine.images.remove(imageSpec(busybox));
    await engine.images.remove(imageSpec(busybox));
    expect(await engine.images.list(undefined)).toEqual([]);
  });

  test("that the registry does not have are not found", async () => {
    const { engine } = await openEngine({ script: { images: ["localhost:5000/a/b:1"] } });
    const pull = (image: string) =>
      engine.images.pull({ image: imageSpec(image), auth: undefined, sandbox: undefined }, freeTask());
    await expect(pull(busybox)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(pull("localhost:5000/a/b")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(pull("UPPER/Case")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    const { ref } = await pull("localhost:5000/a/b:1");
    expect(ref).toMatch(/^localhost:5000\/a\/b@sha256:[0-9a-f]{64}$/);
    expect((await pull(ref)).ref).toBe(ref);
  });
});

test("the simulated engine makes nothing before its reconcile", async () => {
  const engine = createSimulatedEngine({ clock: createManualClock(), logs: createMemoryLogs() });
  const create = engine.sandboxes.create(sandboxRecord("one"), memoryJournal(), freeTask());
  await expect(create).rejects.toThrow("before its reconcile");
});
