import { expect, expectFailure, expectRefusal, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Command } from "../../program/program.ts";

export const asItIs: Case = defineCase({
  name: "ExecSync hands the command's words on as they are, and no shell looks at them",
  cites: "runtime.v1 ExecSyncRequest.cmd: no shell looks at them",
  covers: ["ExecSyncRequest.cmd"],
  needs: ["inside"],
  async run({ pod }) {
    const c = await pod.start();
    const words = ["$HOME", "*", "a b", "", "'\"\\", ";exit 3"];
    const { stdout, exitCode } = await c.execArgv(["printf", "%s|", ...words]);
    expect([exitCode, stdout]).toEqual([0, words.map((word) => `${word}|`).join("")]);
  },
});

export const notThere: Case = defineCase({
  name: "ExecSync of a command that is not in the image fails, and the container runs on",
  cites: "runtime.v1 ExecSync; containerd internal/cri: the exec can't be started, which is an error and no answer",
  covers: ["ExecSyncRequest.cmd"],
  async run({ pod }) {
    const [missing, there]: readonly Command[] = [{ notFound: true }, { stdout: "there" }];
    const c = await pod.start({ program: { exec: [missing ?? {}, there ?? {}] } });
    await expectRefusal(c.exec(missing ?? {}));
    expect(await c.exec(there ?? {})).toMatchObject({ stdout: "there", exitCode: 0 });
  },
});

export const timeout: Case = defineCase({
  name: "ExecSync of a command that outlasts its timeout is DeadlineExceeded, and the container runs on",
  cites: "runtime.v1 ExecSync: DeadlineExceeded, the timeout has passed and the command was killed",
  covers: ["ExecSyncRequest.timeout"],
  critest: [
    "[k8s.io] Container runtime should support basic operations on container runtime should support execSync with timeout [Conformance]",
  ],
  async run({ pod, target }) {
    const [slow, quick] = [{ afterMs: 8_000 }, { stdout: "there" }];
    const c = await pod.start({ program: { exec: [slow, quick] } });
    const began = performance.now();
    // one process, without a shell that would leave it behind
    const call = target.has.includes("inside") ? c.execArgv(["sleep", "8"], 1) : c.exec(slow, 1);
    await expectFailure(call, "DEADLINE_EXCEEDED");
    expect(performance.now() - began).toBeAtLeast(950);
    expect(performance.now() - began).toBeLessThan(7_500);
    expect(await c.exec(quick)).toMatchObject({ stdout: "there", exitCode: 0 });
  },
});

export const timeoutOfChildren: Case = defineCase({
  name: "ExecSync is DeadlineExceeded in time also when a child of the command holds its output",
  cites: "runtime.v1 ExecSync: the timeout has passed; containerd#9568: a probe whose child holds stdout hangs",
  covers: [],
  needs: ["inside"],
  timeoutMs: 15_000,
  async run({ pod, until }) {
    const c = await pod.start();
    const began = performance.now();
    await expectFailure(c.execArgv(["sh", "-c", "sleep 7654322 & wait"], 1), "DEADLINE_EXCEEDED");
    expect(performance.now() - began).toBeLessThan(10_000);
    const left = async () => (await c.execArgv(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"])).stdout;
    await until("the child is gone", async () => !(await left()).includes("sleep 7654322"), { withinMs: 4_000 });
  },
});

export const killedAtItsTimeout: Case = defineCase({
  name: "a command of ExecSync that outlasts its timeout does not run on",
  cites: "runtime.v1 ExecSync: the timeout has passed and the command was killed",
  covers: [],
  needs: ["inside"],
  async run({ pod, until }) {
    const c = await pod.start();
    await expectFailure(c.execArgv(["sleep", "7654321"], 1), "DEADLINE_EXCEEDED");
    const left = async () => (await c.execArgv(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"])).stdout;
    await until("the command is gone", async () => !(await left()).includes("sleep 7654321"));
  },
});

export const noTimeout: Case = defineCase({
  name: "ExecSync with a timeout of 0 waits for the command's end",
  cites: "runtime.v1 ExecSyncRequest.timeout: 0, no limit",
  covers: ["ExecSyncResponse.exit_code"],
  async run({ pod }) {
    const command = { afterMs: 300, stdout: "late", code: 3 };
    const c = await pod.start({ program: { exec: [command] } });
    const began = performance.now();
    expect(await c.exec(command, 0)).toEqual({ stdout: "late", stderr: "", exitCode: 3 });
    expect(performance.now() - began).toBeAtLeast(290);
  },
});

export const bySignal: Case = defineCase({
  name: "a command of ExecSync that a signal ends answers with 128 and its number",
  cites: "runtime.v1 ExecSyncResponse.exit_code: 128 and the number of the signal that ended it",
  covers: ["ExecSyncResponse.exit_code"],
  needs: ["inside"],
  async run({ pod }) {
    const c = await pod.start();
    expect((await c.execArgv(["sh", "-c", "kill -KILL $$"])).exitCode).toBe(137);
    expect((await c.execArgv(["sh", "-c", "kill -TERM $$"])).exitCode).toBe(143);
  },
});

export const noInput: Case = defineCase({
  name: "a command of ExecSync has no input: what it reads ends at once",
  cites: "runtime.v1 ExecSyncRequest: without input and without a terminal",
  covers: [],
  needs: ["inside"],
  async run({ pod }) {
    const c = await pod.start();
    const { stdout, exitCode } = await c.execArgv(["sh", "-c", "cat; tty -s || echo no terminal"]);
    expect([exitCode, stdout]).toEqual([0, "no terminal\n"]);
  },
});

export const likeTheContainer: Case = defineCase({
  name: "a command of ExecSync has the container's user, folder, environment and rights",
  cites:
    "OCI runtime-spec, process: an exec'd process has the container's own; containerd internal/cri: the spec's process",
  covers: [
    "ContainerConfig.envs",
    "ContainerConfig.working_dir",
    "LinuxContainerSecurityContext.run_as_user",
    "LinuxContainerSecurityContext.no_new_privs",
    "LinuxContainerSecurityContext.capabilities",
  ],
  needs: ["inside"],
  async run({ pod }) {
    const security = {
      runAsUser: { value: 1000n },
      runAsGroup: { value: 2000n },
      noNewPrivs: true,
      capabilities: { dropCapabilities: ["ALL"] },
    };
    const envs = [{ key: "CONFORMANCE", value: new TextEncoder().encode("here") }];
    const c = await expectSuccess(pod.start({ security, config: { workingDir: "/tmp", envs } }));
    const script = 'pwd; id -u; id -g; echo "$CONFORMANCE"; grep -E "^(NoNewPrivs|CapBnd):" /proc/self/status';
    const { stdout } = await c.execArgv(["sh", "-c", script]);
    expect(stdout).toMatch(/^\/tmp\n1000\n2000\nhere\nCapBnd:\t0+\nNoNewPrivs:\t1\n$/);
  },
});

export const inTheContainer: Case = defineCase({
  name: "a command of ExecSync is in the container's namespaces, and in its cgroup or below it",
  cites: "OCI runtime-spec: exec runs in the container; its processes end with it and are limited with it",
  covers: ["ExecSyncRequest.container_id"],
  needs: ["inside"],
  async run({ pod }) {
    const c = await pod.start();
    const script = [
      "for one in cgroup ipc mnt net pid uts; do",
      "  [ $(readlink /proc/1/ns/$one) = $(readlink /proc/self/ns/$one) ] || echo $one; done",
      "awk 'NR == FNR { first[FNR] = $0; next } index($0, first[FNR]) != 1' /proc/1/cgroup /proc/self/cgroup",
    ].join("\n");
    expect(await c.execArgv(["sh", "-c", script])).toEqual({ stdout: "", stderr: "", exitCode: 0 });
    expect((await c.execArgv(["cat", "/proc/self/cgroup"])).stdout).toMatch(/:/);
  },
});

export const endsWithItsContainer: Case = defineCase({
  name: "ExecSync answers when its container ends",
  cites: "runtime.v1 StopContainer: SIGKILL to all its processes",
  covers: [],
  async run({ pod, until }) {
    const slow = { afterMs: 3_600_000 };
    const c = await pod.start({ program: { exec: [slow] } });
    const call = c.exec(slow, 0).then(
      ({ exitCode }) => exitCode,
      () => -1,
    );
    const settled = { code: undefined as number | undefined };
    void call.then((code) => Object.assign(settled, { code }));
    await c.status(); // the command is on its way
    await c.stop(0);
    expect(await until("the command's call ends", () => settled.code)).not.toBe(0);
  },
});

export const eachRunsAnew: Case = defineCase({
  name: "each ExecSync runs its command again",
  cites: "runtime.v1 ExecSync: not idempotent, each call runs the command again",
  covers: ["ExecSyncRequest.cmd"],
  needs: ["inside"],
  async run({ pod }) {
    const c = await pod.start();
    const count = ["sh", "-c", "echo once >> /tmp/count; wc -l < /tmp/count"];
    for (const wanted of ["1\n", "2\n", "3\n"]) expect((await c.execArgv(count)).stdout).toBe(wanted);
  },
});
