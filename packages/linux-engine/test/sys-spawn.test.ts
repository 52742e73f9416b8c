import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { isCriError } from "@keelson/cri-api/errors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { closeAll, openPipe } from "../src/sys/descriptor.ts";
import { openProcess, readProcessStat, readStartTime } from "../src/sys/pidfd.ts";
import { ProcessError } from "../src/sys/process-error.ts";
import { run } from "../src/sys/run.ts";
import { spawn } from "../src/sys/spawn.ts";
import { isErrno } from "../src/sys/syscall-error.ts";

const deadlineMs = 10_000;

async function output(...argv: [string, ...string[]]): Promise<string> {
  return (await run(argv, { deadlineMs })).stdout.toString();
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => expect.fail("it did not fail"),
    (error: unknown) => error,
  );
}

describe.skipIf(linuxGate.skip)("spawn()", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-spawn-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("T3.01: the child has descriptors 0 to 2 and no other", async () => {
    const fds = (await output("busybox", "ls", "/proc/self/fd")).trim().split("\n");
    expect(fds).toEqual(["0", "1", "2", "3"]); // 3 is the folder that ls reads
    const stdin = await output("busybox", "readlink", "/proc/self/fd/0");
    expect(stdin.trim()).toBe("/dev/null");
  });

  it("T3.01: listed descriptors arrive under their numbers, whatever ours are called", async () => {
    const a = openPipe();
    const b = openPipe();
    // Sources chosen so that copying in order would overwrite one with the other.
    const [low, high] = [Math.min(a.readFd, b.readFd), Math.max(a.readFd, b.readFd)];
    try {
      const result = await run(
        [
          "busybox",
          "sh",
          "-c",
          `readlink /proc/self/fd/${low}; readlink /proc/self/fd/${high}; ls /proc/self/fd | tr '\\n' ' '`,
        ],
        { deadlineMs, descriptors: { [low]: high, [high]: low } },
      );
      const [first, second, all] = result.stdout.toString().split("\n");
      expect(first).toBe(readlinkSync(`/proc/self/fd/${high}`));
      expect(second).toBe(readlinkSync(`/proc/self/fd/${low}`));
      const open = all?.trim().split(" ").map(Number) ?? [];
      expect(open.filter((fd) => fd > 2).length).toBe(3); // the two, and the folder that ls reads
      expect(open).toEqual(expect.arrayContaining([0, 1, 2, low, high]));
    } finally {
      closeAll([a.readFd, a.writeFd, b.readFd, b.writeFd]);
    }
  });

  it("gives a child control pipes in both directions on descriptors of its own", async () => {
    const child = spawn(["busybox", "sh", "-c", 'read line <&3; echo "got $line" >&4'], {
      descriptors: { 3: "read-pipe", 4: "write-pipe" },
    });
    const toChild = new Socket({ fd: child.pipes.get(3) ?? -1, readable: false, writable: true });
    const fromChild = new Socket({ fd: child.pipes.get(4) ?? -1, readable: true, writable: false });
    toChild.end("hello\n");
    expect(await text(fromChild)).toBe("got hello\n");
    expect(await child.exited).toEqual({ code: 0, signal: undefined });
  });

  it("opens files by path as descriptors", async () => {
    const log = join(folder, "log");
    for (const word of ["one", "two"]) {
      const child = spawn(["busybox", "echo", word], { descriptors: { 1: { append: log } } });
      expect(await child.exited).toEqual({ code: 0, signal: undefined });
    }
    expect(readFileSync(log, "utf8")).toBe("one\ntwo\n");
    const reader = await run(["busybox", "cat", "/proc/self/fd/3"], { deadlineMs, descriptors: { 3: { read: log } } });
    expect(reader.stdout.toString()).toBe("one\ntwo\n");
  });

  it("resets signals, restores the limit of open files, starts a session, clears the environment", async () => {
    const status = await output("busybox", "cat", "/proc/self/status");
    const mask = (name: string): bigint => BigInt(`0x${new RegExp(`^${name}:\\s*(\\w+)`, "m").exec(status)?.[1]}`);
    expect(mask("SigIgn") & ~0x180000000n).toBe(0n); // glibc's own 32 and 33 are tolerated
    expect(mask("SigBlk")).toBe(0n);
    const limits = await output("busybox", "cat", "/proc/self/limits");
    const own = readFileSync("/proc/self/limits", "utf8");
    const hard = /^Max open files\s+\d+\s+(\d+)/m.exec(own)?.[1];
    expect(limits).toMatch(new RegExp(`^Max open files\\s+1024\\s+${hard}\\s`, "m"));
    expect(own).toMatch(new RegExp(`^Max open files\\s+${hard}\\s+${hard}\\s`, "m")); // ours is as Node had raised it
    expect(limits.split("\n").filter((line) => !line.startsWith("Max open files"))).toEqual(
      own.split("\n").filter((line) => !line.startsWith("Max open files")),
    );
    const [pid, , , , group, session] = (await output("busybox", "cat", "/proc/self/stat")).split(" ");
    expect([group, session]).toEqual([pid, pid]);
    expect(await output("busybox", "env")).toBe("");
    const env = await run(["busybox", "env"], { deadlineMs, env: { A: "1=2", B: "" }, cwd: folder });
    expect(env.stdout.toString()).toContain("A=1=2\nB=\n");
  });

  it("sets a limit of open files that is below what we have open ourselves", async () => {
    const stdinBytes = Buffer.from("go\n"); // so that it is read after the start is over
    const script = "read word; cat /proc/self/limits";
    const result = await run(["busybox", "sh", "-c", script], { deadlineMs, stdinBytes, nofile: 12 });
    expect(result.stdout.toString()).toMatch(/^Max open files\s+12\s/m);
    const raised = await run(["busybox", "sh", "-c", script], { deadlineMs, stdinBytes, nofile: 2 ** 40 });
    const hard = /^Max open files\s+(\d+)\s+\1\s/m.exec(raised.stdout.toString())?.[1];
    expect(readFileSync("/proc/self/limits", "utf8")).toMatch(new RegExp(`^Max open files\\s+${hard}\\s+${hard}`, "m"));
  });

  it("runs in / unless told otherwise", async () => {
    expect((await output("busybox", "pwd")).trim()).toBe("/");
    const there = await run(["busybox", "pwd"], { deadlineMs, cwd: folder });
    expect(there.stdout.toString().trim()).toBe(folder);
  });

  it("tells the exit code or the signal, and the start time that /proc shows", async () => {
    const seven = spawn(["busybox", "sh", "-c", "exit 7"]);
    expect(await seven.exited).toEqual({ code: 7, signal: undefined });
    expect(seven.signal(9)).toBe(false);
    expect(seven.signalGroup(9)).toBe(false);
    const sleeper = spawn(["busybox", "sleep", "600"]);
    expect(sleeper.startTime).toBe(readStartTime(sleeper.pid));
    expect(readProcessStat(sleeper.pid)?.parentPid).toBe(process.pid);
    expect(sleeper.signal(15)).toBe(true);
    expect(await sleeper.exited).toEqual({ code: undefined, signal: 15 });
    expect(readProcessStat(sleeper.pid)).toBeUndefined(); // reaped
  });

  it("says what could not be started and leaves no descriptor", async () => {
    const before = readdirSync("/proc/self/fd").length;
    const missing = await failure(run([join(folder, "none")], { deadlineMs }));
    expect(isErrno(missing, "ENOENT")).toBe(true);
    expect(String(missing)).toContain(join(folder, "none"));
    expect(isErrno(await failure(run([folder], { deadlineMs })), "EACCES")).toBe(true);
    expect(isCriError(await failure(run(["no-such-tool"], { deadlineMs })), "FAILED_PRECONDITION")).toBe(true);
    expect(isCriError(await failure(run(["./busybox"], { deadlineMs })), "INVALID_ARGUMENT")).toBe(true);
    expect(isCriError(await failure(run(["busybox", "a\0b"], { deadlineMs })), "INVALID_ARGUMENT")).toBe(true);
    for (const env of [{ "": "x" }, { "A=B": "x" }, { A: "x\0y" }]) {
      expect(isCriError(await failure(run(["busybox", "true"], { deadlineMs, env })), "INVALID_ARGUMENT")).toBe(true);
    }
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });

  it("200 spawns leave the descriptor count flat and no zombie", async () => {
    const before = readdirSync("/proc/self/fd").length;
    for (let round = 0; round < 20; round++) {
      const exits = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          run(["busybox", "sh", "-c", `echo ${i}; exit ${i}`], { deadlineMs, anyExit: true }),
        ),
      );
      expect(exits.map((result) => [result.exit.code, result.stdout.toString()])).toEqual(
        Array.from({ length: 10 }, (_, i) => [i, `${i}\n`]),
      );
    }
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before);
  });
});

describe.skipIf(linuxGate.skip)("run()", () => {
  it("kills the whole process group at the deadline", async () => {
    const started = performance.now();
    const error = await failure(
      run(["busybox", "sh", "-c", "sleep 600 & echo $!; echo why >&2; wait"], { deadlineMs: 200 }),
    );
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(error).toBeInstanceOf(ProcessError);
    expect(isCriError(error, "DEADLINE_EXCEEDED")).toBe(true);
    const failed = error as ProcessError;
    expect(failed.exit).toEqual({ code: undefined, signal: 9 });
    expect(failed.stderrTail).toBe("why\n");
    const grandchild = Number(failed.stdout.toString());
    using left = openProcess(grandchild, readStartTime(grandchild) ?? 0);
    await left?.exited;
  });

  it("T8.02: a grandchild that holds standard output delays the answer by a second at most", async () => {
    const before = readdirSync("/proc/self/fd").length;
    const started = performance.now();
    const results = await Promise.all(
      Array.from({ length: 20 }, () => run(["busybox", "sh", "-c", "setsid sleep 600 & echo $!"], { deadlineMs })),
    );
    const elapsedMs = performance.now() - started;
    for (const result of results) {
      const pid = Number(result.stdout.toString());
      const startTime = readStartTime(pid);
      expect(startTime).toBeDefined();
      using grandchild = openProcess(pid, startTime ?? 0);
      expect(grandchild?.signal(9)).toBe(true);
      await grandchild?.exited;
    }
    expect(elapsedMs).toBeGreaterThan(900);
    expect(elapsedMs).toBeLessThan(5_000);
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before);
  });

  it("stops when it is cancelled, also before the start", async () => {
    const controller = new AbortController();
    const work = run(["busybox", "sleep", "600"], { deadlineMs, signal: controller.signal });
    controller.abort(new Error("caller left"));
    const error = await failure(work);
    expect(isCriError(error, "CANCELED")).toBe(true);
    expect((error as ProcessError).cause).toBe(controller.signal.reason);
    expect(
      isCriError(await failure(run(["busybox", "true"], { deadlineMs, signal: controller.signal })), "CANCELED"),
    ).toBe(true);
  });

  it("caps what it keeps, reads on, and keeps the end of standard error", async () => {
    const script = "yes | head -c 300000; yes no | head -c 300000 >&2; echo last >&2; exit 3";
    const options = { deadlineMs, stdoutCapBytes: 1000, stderrCapBytes: 10, anyExit: true };
    const result = await run(["busybox", "sh", "-c", script], options);
    expect([result.exit.code, result.stdout.length, result.stderr.length]).toEqual([3, 1000, 10]);
    expect([result.stdoutTruncated, result.stderrTruncated]).toEqual([true, true]);
    const error = (await failure(run(["busybox", "sh", "-c", script], { ...options, anyExit: false }))) as ProcessError;
    expect(error.stderrTail.length).toBe(4096);
    expect(error.message).toContain("exit code 3");
    expect(error.message).toContain('"last"');
  });

  it("writes standard input, also to a program that does not read it", async () => {
    const bytes = Buffer.alloc(1024 * 1024, "x");
    const digest = await run(["busybox", "wc", "-c"], { deadlineMs, stdinBytes: bytes });
    expect(digest.stdout.toString().trim()).toBe(String(bytes.length));
    const deaf = await run(["busybox", "true"], { deadlineMs, stdinBytes: bytes });
    expect(deaf.exit.code).toBe(0);
  });

  it("does not hold up process.exit", async () => {
    const script = `
      import { spawn } from ${JSON.stringify(new URL("../src/sys/spawn.ts", import.meta.url).href)};
      const child = spawn(["busybox", "sleep", "600"]);
      process.stdout.write(String(child.pid), () => process.exit(5));`;
    const started = performance.now();
    const result = await run([process.execPath, "--input-type=module", "-e", script], { deadlineMs, anyExit: true });
    const pid = Number(result.stdout.toString());
    process.kill(pid, "SIGKILL");
    expect(result.exit).toEqual({ code: 5, signal: undefined });
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe.skipIf(linuxGate.skip)("openProcess()", () => {
  it("tells the end of a process that is not our child, and refuses another start time", async () => {
    const parent = await run(["busybox", "sh", "-c", "setsid sleep 600 >/dev/null 2>&1 & echo $!"], { deadlineMs });
    const pid = Number(parent.stdout.toString());
    const startTime = readStartTime(pid) ?? 0;
    expect(openProcess(pid, startTime + 1)).toBeUndefined();
    const handle = openProcess(pid, startTime);
    expect(handle?.isRunning()).toBe(true);
    expect(handle?.signal(9)).toBe(true);
    await handle?.exited;
    expect(handle?.isRunning()).toBe(false);
    expect(handle?.signal(9)).toBe(false);
    handle?.close();
    handle?.close();
    expect(openProcess(pid, startTime)).toBeUndefined();
    expect(openProcess(0, 0)).toBeUndefined();
  });
});
