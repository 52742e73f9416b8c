import { describe, expect, it } from "vitest";
import { describeCall, parseStrace, startedProgram, timeOf } from "./strace-lines.ts";

const [first, second, third, fourth, fifth] =
  parseStrace(`10<runc> 1700000000.000100 write(7</sys/fs/cgroup/cpuset/a/cgroup.procs>, "23", 2 <unfinished ...>
11<libuv-worker> 1700000000.000200 futex(0x7f00, FUTEX_WAIT_PRIVATE, 0, NULL) = 0 <0.040000>
10<runc> 1700000000.012100 <... write resumed>) = 2 <0.012000>
12<runc:[2:INIT]> 1700000000.020000 openat(AT_FDCWD</>, "/proc/self/fd/5", O_WRONLY|O_CLOEXEC) = 6</run/x/exec.fifo> <0.070000>
13<conmon> 1700000000.021000 execve("/proc/self/fd/6", ["/usr/sbin/runc", "start", "0123456789abcdef"], 0x55 /* 3 vars */) = 0 <0.000300>
13<runc> 1700000000.030000 execve("/nowhere/runc", ["runc"], 0x55 /* 3 vars */) = -1 ENOENT (No such file or directory) <0.000010>
14<sh> 1700000000.040000 --- SIGCHLD {si_signo=SIGCHLD} ---
14<sh> 1700000000.050000 +++ exited with 0 +++
15<sh> 1700000000.060000 read(3<pipe:[99]>, <unfinished ...>
`);

describe("parseStrace()", () => {
  it("puts a call together that another thread interrupted, and gives it the time at which it began", () => {
    expect(second).toEqual({
      tid: 10,
      thread: "runc",
      name: "write",
      arguments: '7</sys/fs/cgroup/cpuset/a/cgroup.procs>, "23", 2',
      result: "2",
      beganMs: 1700000000000.1,
      tookMs: 12,
    });
  });

  it("reads names of threads that look like anything", () => {
    expect(third).toMatchObject({ thread: "runc:[2:INIT]", name: "openat", tookMs: 70 });
  });

  it("leaves out signals, ends and calls that never returned", () => {
    expect(fifth?.name).toBe("execve");
    expect(parseStrace("15<sh> 1.0 read(3<pipe:[99]>, <unfinished ...>\n14<sh> 1.1 +++ exited with 0 +++\n")).toEqual(
      [],
    );
  });
});

describe("timeOf()", () => {
  it("tells work from waiting, and both from calls that can't take long", () => {
    expect([first, second, third].map((call) => call && timeOf(call))).toEqual(["wait", "work", "wait"]);
    const core = parseStrace("1<a> 1.0 gettid() = 1 <0.008000>")[0];
    expect(core && timeOf(core)).toBe("core");
    const pipe = parseStrace('1<a> 1.0 read(3<pipe:[99]>, "", 1) = 0 <0.008000>')[0];
    expect(pipe && timeOf(pipe)).toBe("wait");
    const file = parseStrace('1<a> 1.0 read(3</etc/passwd>, "", 1) = 0 <0.008000>')[0];
    expect(file && timeOf(file)).toBe("work");
  });
});

describe("startedProgram()", () => {
  it("names what runs, and nothing when there was no such program", () => {
    expect(fourth && startedProgram(fourth)).toBe("runc start");
    expect(fifth && startedProgram(fifth)).toBeUndefined();
    expect(second && startedProgram(second)).toBeUndefined();
  });
});

describe("describeCall()", () => {
  it("leaves out what differs between two pods", () => {
    const call = parseStrace(
      '1<a> 1.0 openat(AT_FDCWD</x>, "/tmp/bench/run/0123456789abcdef0123/file", O_RDONLY) = 12</y> <0.008000>',
    )[0];
    expect(call && describeCall(call, "/tmp/bench")).toBe('openat(AT_FDCWD, "…/run/ID/file", O_RDONLY)');
    expect(first && describeCall(first, "/tmp/bench")).toBe("futex");
  });
});
