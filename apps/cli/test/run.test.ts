import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FaultPoint } from "../../../packages/runtime-core/src/sim/index.ts";
import { type FakeNode, startFakeNode } from "./harness/fake-node.ts";
import { keelson, until } from "./harness/keelson.ts";

describe("keelson run", { timeout: 30_000 }, () => {
  it("shows the log on its own streams and ends with the container's code", async () => {
    const code = 1 + Math.floor(Math.random() * 250);
    await using node = await startFakeNode({
      log: [
        { text: "to stdout" },
        { text: "to stderr", stream: "stderr", atMs: 20 },
        // longer than the log's lines are, so that it comes in parts
        { text: "\u00e4".repeat(40_000), atMs: 40 },
      ],
      exit: { code, afterMs: 60 },
    });
    const ending = await node.keelson("run", "busybox", "--", "any", "-c", "--command");
    expect(ending.code).toBe(code);
    expect(ending.stdout).toBe(`to stdout\n${"\u00e4".repeat(40_000)}\n`);
    expect(ending.stderr).toMatch(/^pull busybox: [\d.]+ m?s\nto stderr\n$/);
    await node.expectEmpty();
  });

  it("leaves the image on the node", async () => {
    await using node = await startFakeNode({ exit: { code: 0 } });
    expect((await node.keelson("run", "busybox")).code).toBe(0);
    expect((await node.keelson("images")).stdout).toContain("docker.io/library/busybox:latest");
  });

  it("says when the container ran out of memory", async () => {
    await using node = await startFakeNode({ exit: { code: 137, oomKilled: true } });
    const { code, stderr } = await node.keelson("run", "busybox");
    expect(code).toBe(137);
    expect(stderr).toContain("keelson: the container ran out of memory and was killed\n");
  });

  it("passes the command on, and asks for the host's network when it is told to", async () => {
    await using node = await startFakeNode();
    const running = node.startKeelson([
      "run",
      "--host-network",
      "busybox",
      "--",
      "sh",
      "-c",
      "exit 3",
      "--",
      "--endpoint",
    ]);
    await using cri = await node.connect();
    await until(async () => {
      const [container] = (await cri.runtime.listContainers({})).containers;
      const { status, info } = await cri.runtime.containerStatus({ containerId: container?.id ?? "", verbose: true });
      expect(status?.image?.userSpecifiedImage).toBe("busybox");
      expect(JSON.stringify(info)).toContain(
        JSON.stringify(JSON.stringify(["sh", "-c", "exit 3", "--", "--endpoint"])).slice(1, -1),
      );
    });
    running.process.kill("SIGTERM");
    await running.ended;
  });

  it("T3.06 hides what a container must not see", async () => {
    await using node = await startFakeNode();
    const running = node.startKeelson(["run", "busybox"]);
    await using cri = await node.connect();
    await until(async () => {
      const [container] = (await cri.runtime.listContainers({})).containers;
      const { info } = await cri.runtime.containerStatus({ containerId: container?.id ?? "", verbose: true });
      const text = JSON.stringify(info);
      for (const path of [
        "/proc/scsi",
        "/proc/acpi",
        "/sys/devices/virtual/powercap",
        "/proc/kcore",
        "/sys/firmware",
      ]) {
        expect(text).toContain(path);
      }
      expect(text).toContain("/proc/sys");
    });
    running.process.kill("SIGTERM");
    await running.ended;
  });
});

describe("keelson run, when it fails", { timeout: 30_000 }, () => {
  it("names an image that does not exist", async () => {
    await using node = await startFakeNode();
    const { code, stdout, stderr } = await node.keelson("run", "nosuch");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain('keelson: pull "docker.io/library/nosuch:latest": ');
    await node.expectEmpty();
  });

  it("says what to do about a command that is not in the image, and removes the pod", async () => {
    await using node = await startFakeNode({ startError: '"nosuch" is not in the image' });
    const { code, stdout, stderr } = await node.keelson("run", "busybox", "--", "nosuch");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/keelson: start container .*"nosuch" is not in the image .*check the command/);
    await node.expectEmpty();
  });

  it("tells both what failed and what could not be taken back", async () => {
    await using node = await startFakeNode({ startError: "no such command" });
    node.faults.fail("pin-namespaces.revert", new Error("the namespace is busy"));
    const { code, stderr } = await node.keelson("run", "busybox");
    expect(code).toBe(1);
    expect(stderr).toMatch(/keelson: start container .*no such command/);
    expect(stderr).toMatch(
      /keelson: clean up the pod: remove pod (\w+): .*the namespace is busy.*\n {2}→ the pod is still there: keelson rm \1 tries again/,
    );
    const [, id = ""] = /keelson rm (\w+)/.exec(stderr) ?? [];
    expect((await node.keelson("rm", id)).stdout).toBe(`removed pod ${id}\n`);
    await node.expectEmpty();
  });

  it("says that nothing listens", async () => {
    const { code, stderr } = await keelson(["run", "busybox", "--endpoint", "unix:///nowhere/cri.sock"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/nothing listens there \(ENOENT\)\n {2}→ .+\n$/);
  });

  it("goes on past a restart of the runtime", async () => {
    await using node = await startFakeNode({
      log: [{ text: "up" }, { text: "still up", atMs: 3000 }],
      exit: { code: 4, afterMs: 3100 },
    });
    const running = node.startKeelson(["run", "busybox"]);
    await until(() => expect(running.stdout).toBe("up\n"));
    await node.stop();
    await node.start();
    expect(await running.ended).toMatchObject({ code: 4, stdout: "up\nstill up\n" });
    await node.expectEmpty();
  });
});

describe("keelson run, when it is interrupted", { timeout: 30_000 }, () => {
  let node: FakeNode;
  beforeEach(async () => {
    node = await startFakeNode({ log: [{ text: "up" }], stop: { log: [{ text: "bye" }] } });
  });
  afterEach(() => node[Symbol.asyncDispose]());

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("by %s stops the container in good order and ends with %i", async (name, code) => {
    const running = node.startKeelson(["run", "busybox"]);
    await until(() => expect(running.stdout).toBe("up\n"));
    running.process.kill(name);
    expect(await running.ended).toMatchObject({ code, signal: null, stdout: "up\nbye\n" });
    await node.expectEmpty();
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("by %s during a pull that hangs ends it at once", async (name, code) => {
    const hold = node.faults.hold("image.pull");
    const running = node.startKeelson(["run", "busybox"]);
    await hold.arrived(1);
    running.process.kill(name);
    const { stderr, ...ending } = await running.ended;
    expect(ending).toEqual({ code, signal: null, stdout: "" });
    expect(stderr).toMatch(/^\nkeelson: stopping .*\npull busybox: stopped after [\d.]+ m?s\n$/);
    hold.release();
    await node.expectEmpty();
  });

  // each stage by one signal: that both are taken alike is seen above
  it.each([
    ["write-files.apply", "SIGINT", 130],
    ["attach-network.apply", "SIGTERM", 143],
    ["attach-network.applied", "SIGINT", 130],
    ["hold-image.apply", "SIGTERM", 143],
    ["write-bundle.applied", "SIGINT", 130],
    ["start-process.apply", "SIGTERM", 143],
    ["start-process.applied", "SIGINT", 130],
  ] as const satisfies readonly (readonly [FaultPoint, NodeJS.Signals, number])[])(
    "at %s by %s leaves nothing behind",
    async (stage, name, code) => {
      const hold = node.faults.hold(stage);
      const running = node.startKeelson(["run", "busybox"]);
      await hold.arrived(1);
      running.process.kill(name);
      await until(() => expect(running.stderr).toContain("keelson: stopping"));
      hold.release();
      expect(await running.ended).toMatchObject({ code, signal: null });
      await node.expectEmpty();
    },
  );

  it("while it removes the pod goes on with that", async () => {
    const hold = node.faults.hold("attach-network.revert");
    const running = node.startKeelson(["run", "busybox"]);
    await until(() => expect(running.stdout).toBe("up\n"));
    running.process.kill("SIGTERM");
    await hold.arrived(1);
    running.process.kill("SIGINT");
    hold.release();
    expect(await running.ended).toMatchObject({ code: 143 });
    await node.expectEmpty();
  });

  it("twice does not wait for a container that ignores its stop signal", async () => {
    await using stubborn = await startFakeNode({ log: [{ text: "up" }], stop: "ignore" });
    const running = stubborn.startKeelson(["run", "busybox"]);
    await until(() => expect(running.stdout).toBe("up\n"));
    const began = performance.now();
    running.process.kill("SIGINT");
    // the first half second belongs to the first one: npm passes on what the terminal has sent already
    const again = setInterval(() => running.process.kill("SIGINT"), 600);
    const { code } = await running.ended;
    clearInterval(again);
    expect(code).toBe(130);
    expect(performance.now() - began).toBeLessThan(8000);
    await stubborn.expectEmpty();
  });

  it("twice does not wait for a pod that is not getting ready", async () => {
    const hold = node.faults.hold("attach-network.apply");
    const running = node.startKeelson(["run", "busybox"]);
    await hold.arrived(1);
    running.process.kill("SIGINT");
    const again = setInterval(() => running.process.kill("SIGINT"), 600);
    const { code } = await running.ended;
    clearInterval(again);
    expect(code).toBe(130);
    hold.release();
  });

  it("takes two signals at once for one", async () => {
    const hold = node.faults.hold("attach-network.apply");
    const running = node.startKeelson(["run", "busybox"]);
    await hold.arrived(1);
    running.process.kill("SIGINT");
    running.process.kill("SIGTERM");
    await until(() => expect(running.stderr).toContain("keelson: stopping"));
    hold.release();
    expect((await running.ended).code).toBeOneOf([130, 143]);
    await node.expectEmpty();
  });

  it("by the end of whoever reads it", async () => {
    await using chatty = await startFakeNode({
      log: [{ text: "first" }, ...Array.from({ length: 400 }, (_, n) => ({ text: `line ${n}`, atMs: 300 + n * 50 }))],
    });
    const running = chatty.startKeelson(["run", "busybox"]);
    await until(() => expect(running.stdout).toBe("first\n"));
    running.process.stdout?.destroy();
    const [code] = await once(running.process, "exit");
    expect(code).toBe(141);
    expect(running.stderr).not.toContain("EPIPE");
    await chatty.expectEmpty();
  });
});
