import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Command } from "../../program/program.ts";

export const outputAndCode: Case = defineCase({
  name: "ExecSync answers with stdout, stderr and exit code of the command",
  cites: "runtime.v1 ExecSyncResponse: stdout, stderr, exit_code",
  covers: [
    "ExecSyncRequest.container_id",
    "ExecSyncRequest.cmd",
    "ExecSyncResponse.stdout",
    "ExecSyncResponse.stderr",
    "ExecSyncResponse.exit_code",
  ],
  critest: [
    "[k8s.io] Container runtime should support basic operations on container runtime should support execSync [Conformance]",
  ],
  async run({ pod }) {
    const command: Command = { stdout: "to stdout\n", stderr: "to stderr", code: 5 };
    const c = await pod.start({ program: { exec: [command] } });
    expect(await c.exec(command)).toEqual({ stdout: "to stdout\n", stderr: "to stderr", exitCode: 5 });
  },
});

export const nothingSaid: Case = defineCase({
  name: "ExecSync of a command that says nothing has empty output, and exit code 0 to 255",
  cites: "runtime.v1 ExecSync: a command that fails is an answer with its exit code, not an error",
  covers: ["ExecSyncResponse.exit_code"],
  async run({ pod }) {
    const commands: readonly Command[] = [{ code: 0 }, { code: 1 }, { code: 126 }, { code: 255 }];
    const c = await pod.start({ program: { exec: commands } });
    for (const command of commands) {
      const answer = await expectSuccess(c.exec(command));
      expect(answer).toEqual({ stdout: "", stderr: "", exitCode: command.code });
    }
  },
});

export const wholeOutput: Case = defineCase({
  name: "ExecSync answers with all of a long output, on both streams",
  cites: "runtime.v1 ExecSyncResponse.stdout: at most 16 MiB",
  covers: ["ExecSyncResponse.stdout", "ExecSyncResponse.stderr"],
  async run({ pod }) {
    const text = (word: string) => `${word} ü\n`.repeat(4_000);
    const command: Command = { stdout: text("out"), stderr: text("err") };
    const c = await pod.start({ program: { exec: [command] } });
    expect(await c.exec(command)).toEqual({ stdout: text("out"), stderr: text("err"), exitCode: 0 });
  },
});

export const bytesAsTheyAre: Case = defineCase({
  name: "ExecSync answers with the bytes of the output, which need not be UTF-8",
  cites: "runtime.v1 ExecSyncResponse: bytes",
  covers: ["ExecSyncResponse.stdout"],
  needs: ["inside"],
  async run({ cri, pod }) {
    const c = await pod.start();
    const cmd = ["printf", "\\377\\000\\001\\r\\n"];
    const { stdout } = await cri.execSync({ containerId: c.id, cmd, timeout: 10n });
    expect([...stdout]).toEqual([255, 0, 1, 13, 10]);
  },
});

export const moreThanFits: Case = defineCase({
  name: "ExecSync of a command that says more than a message holds answers with its beginning",
  cites: "runtime.v1 ExecSyncResponse.stdout: what is beyond is dropped and the command goes on; kubelets take 16 MiB",
  covers: ["ExecSyncResponse.stdout", "ExecSyncResponse.exit_code"],
  needs: ["inside"],
  async run({ cri, pod }) {
    const c = await pod.start();
    const script = "yes 0123456789abcde | head -c 20000000; exit 7";
    const request = { containerId: c.id, cmd: ["sh", "-c", script], timeout: 25n };
    const { stdout, exitCode } = await expectSuccess(cri.execSync(request));
    expect(exitCode).toBe(7);
    expect(stdout.length).toBeAtLeast(8 * 1024 * 1024);
    expect(stdout.length).toBeLessThan(16 * 1024 * 1024);
    expect(new TextDecoder().decode(stdout.subarray(0, 32))).toBe("0123456789abcde\n0123456789abcde\n");
  },
});

export const sideBySide: Case = defineCase({
  name: "commands that are run in one container at one moment each have their own answer",
  cites: "containerd internal/cri: ExecSync holds no lock; kubelet probes run side by side",
  covers: ["ExecSyncResponse.stdout", "ExecSyncResponse.exit_code"],
  async run({ pod }) {
    const commands: readonly Command[] = Array.from({ length: 5 }, (_, at) => ({ stdout: `answer ${at}`, code: at }));
    const c = await pod.start({ program: { exec: commands } });
    const answers = await Promise.all(commands.map((command) => c.exec(command)));
    expect(answers).toEqual(commands.map(({ stdout, code }) => ({ stdout, stderr: "", exitCode: code })));
  },
});

export const inTheNamedOne: Case = defineCase({
  name: "ExecSync runs its command in the container that it names, and in no other of the pod",
  cites: "runtime.v1 ExecSyncRequest.container_id",
  covers: ["ExecSyncRequest.container_id"],
  critest: [
    "[k8s.io] Multiple Containers [Conformance] when running multiple containers in a pod should support container exec",
  ],
  needs: ["inside"],
  async run({ pod }) {
    const [one, other] = [await pod.start(), await pod.start()];
    expect((await one.execArgv(["touch", "/mine"])).exitCode).toBe(0);
    expect((await one.execArgv(["ls", "/mine"])).stdout).toBe("/mine\n");
    expect((await other.execArgv(["ls", "/mine"])).exitCode).toBe(1);
  },
});
