import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Signal } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { exited, logFolder } from "../harness/pods.ts";
import { observes } from "./claims.ts";
import type { Stage } from "./stage.ts";

/** The process: what it is, what it is given, how it is ended. */
export function processCases(stage: () => Stage): void {
  const env = (values: Record<string, string>) =>
    Object.entries(values).map(([key, value]) => ({ key, value: Buffer.from(value) }));

  describe("processes", () => {
    test(
      "command and arguments, environment and working folder",
      observes(
        "ContainerConfig.command",
        "ContainerConfig.args",
        "ContainerConfig.working_dir",
        "ContainerConfig.envs",
      ),
      async () => {
        const extra = {
          args: ["two words", "", "$HOME"],
          envs: env({ A: "b=c d", "odd.name-1": "ü", PATH: "/bin:/mine", HOME: "/tmp" }),
          workingDir: "/made/by/runtime",
        };
        const script = 'pwd; for a in "$@"; do echo "<$a>"; done; tr "\\0" "\\n" </proc/1/environ | sort';
        const { lines } = await stage().look("", { command: ["sh", "-c", script, "sh"], extra });
        const { hostname } = stage().pod.sandboxConfig;
        expect(lines).toEqual([
          "/made/by/runtime",
          "<two words>",
          "<>",
          "<$HOME>",
          "A=b=c d",
          "HOME=/tmp",
          `HOSTNAME=${hostname}`,
          "PATH=/bin:/mine",
          "odd.name-1=ü",
        ]);
        const plain = await stage().look("pwd; echo $PATH");
        expect(plain.lines).toEqual(["/", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]);
      },
    );

    test("T3.12: two containers of one image at once have each their own environment", async () => {
      const seen = await Promise.all(
        ["ONE", "TWO"].map((key) =>
          stage().look("env", { name: key.toLowerCase(), extra: { envs: env({ [key]: key }) } }),
        ),
      );
      expect(seen.map(({ lines }) => lines.filter((line) => /ONE|TWO/.test(line)))).toEqual([["ONE=ONE"], ["TWO=TWO"]]);
    });

    test("a terminal, where one is asked for", observes("ContainerConfig.tty"), async () => {
      const script = "tty; test -t 1 && echo terminal; ls /dev/console; echo TERM=$TERM";
      const { text } = await stage().look(script, { extra: { tty: true } });
      expect(text.replaceAll("\r", "")).toBe("/dev/pts/0\nterminal\n/dev/console\nTERM=xterm");
      expect((await stage().look(script)).lines).toEqual([
        "not a tty",
        expect.stringMatching(/console: No such file/),
        "TERM=",
      ]);
    });

    test("a standard input that stays open, where one is asked for", observes("ContainerConfig.stdin"), async () => {
      const containerId = await stage().start({ script: "cat >/got", extra: { stdin: true } });
      for (const word of ["first", "second"]) {
        // whoever writes to a pipe and goes ends it, unless another end of it is open
        const seen = `echo ${word} >/proc/1/fd/0; until grep -q ${word} /got; do usleep 1000; done`;
        expect(await stage().exec(containerId, seen)).toBe("");
      }
      expect(await stage().exec(containerId, "readlink /proc/1/fd/0")).toMatch(/^pipe:/);
      // what its monitor has for whoever will attach goes with it
      const { state } = stage().node;
      expect(await readdir(join(state, "containers", containerId))).toContain("attach");
      await stage().cri.runtime.removeContainer({ containerId });
      expect(await readdir(join(state, "containers"))).not.toContain(containerId);
      expect(await readdir(join(state, "tmp"))).toEqual([]);
      const { lines } = await stage().look("readlink /proc/self/fd/0; cat; echo ended");
      expect(lines).toEqual(["/dev/null", "ended"]);
    });

    test("a signal of its own to stop by", observes("ContainerConfig.stop_signal"), async () => {
      const script = "trap 'exit 5' USR1; trap 'exit 6' TERM; while :; do usleep 10000; done";
      for (const [stopSignal, code] of [
        [Signal.SIGUSR1, 5],
        [Signal.RUNTIME_DEFAULT, 6],
      ] as const) {
        const containerId = await stage().start({ script, extra: { stopSignal } });
        // the shell has set its traps when it sleeps
        await stage().exec(
          containerId,
          "until grep -q '^SigCgt.*[1-9a-f]' /proc/1/status; do usleep 1000; done; usleep 50000",
        );
        await stage().cri.runtime.stopContainer({ containerId, timeout: 10n });
        expect((await exited(stage().cri, containerId)).exitCode).toBe(code);
        await stage().cri.runtime.removeContainer({ containerId });
      }
    });

    test(
      "name, image, labels and annotations, as the status shows them; a log where it was asked for",
      observes(
        ...["metadata", "image", "labels", "annotations", "log_path"].map((field) => `ContainerConfig.${field}`),
        "PodSandboxConfig.log_directory",
      ),
      async () => {
        const [labels, annotations] = [{ "a.b/c": "d", empty: "" }, { note: "x\ny" }];
        const extra = { labels, annotations, logPath: "deep/down/here.log" };
        const { status, lines } = await stage().look("echo seen", { name: "named", attempt: 3, extra });
        expect(status).toMatchObject({ metadata: { name: "named", attempt: 3 }, labels, annotations });
        expect(status.image?.image).toBe(stage().image);
        expect(status.logPath).toBe(join(logFolder(stage().node.folder), "deep/down/here.log"));
        expect(lines).toEqual(["seen"]);
        const containerId = await stage().start({ name: "mode", script: "echo x" });
        const { logPath } = await exited(stage().cri, containerId);
        expect((await stat(logPath)).mode & 0o777).toBe(0o640);
        await stage().cri.runtime.removeContainer({ containerId });
      },
    );
  });
}
