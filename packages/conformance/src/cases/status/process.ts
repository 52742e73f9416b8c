import { Signal } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { sleeps } from "../../program/program.ts";
import { recorded } from "./recorded.ts";

export const commandAndArguments: Case = defineCase({
  name: "a container runs its command with its arguments, and no shell looks at them",
  cites: "runtime.v1 ContainerConfig: command, args; OCI runtime-spec process.args",
  covers: ["ContainerConfig.command", "ContainerConfig.args"],
  critest: [
    "[k8s.io] Container runtime should support basic operations on container runtime should support starting container [Conformance]",
  ],
  async run({ pod }) {
    const c = await expectSuccess(pod.start({ config: { command: ["tail", "-f"], args: ["/dev/null", "$HOME *"] } }));
    const words = await c.observe({
      inside: "tr '\\0' '|' < /proc/1/cmdline",
      recorded: ({ config }) =>
        [recorded(config, "command"), recorded(config, "args")]
          .flatMap((list) => JSON.parse(list === "" ? "[]" : list) as readonly string[])
          .map((word) => `${word}|`)
          .join(""),
    });
    expect(words).toBe("tail|-f|/dev/null|$HOME *|");
  },
});

export const argumentsAlone: Case = defineCase({
  name: "arguments without a command replace the image's CMD, and nothing at all leaves it",
  cites: "runtime.v1 ContainerConfig.args: empty is the image's CMD, unless command is set",
  covers: ["ContainerConfig.args"],
  needs: ["inside"],
  async run({ pod }) {
    const words = "tr '\\0' '|' < /proc/1/cmdline";
    const none = { inside: words, recorded: () => "" };
    const own = await pod.start({ config: { command: [], args: ["tail", "-f", "/dev/null"] } });
    expect(await expectSuccess(own.observe(none))).toBe("tail|-f|/dev/null|");
    // a shell with a terminal waits for input
    const image = await pod.start({ config: { command: [], tty: true } });
    expect(await image.observe(none)).toBe("sh|");
  },
});

export const environment: Case = defineCase({
  name: "a container has its environment variables byte by byte, beside those of its image",
  cites: "runtime.v1 ContainerConfig.envs: added to the image's; the later of two with one key counts",
  covers: ["ContainerConfig.envs", "KeyValue.key", "KeyValue.value"],
  async run({ pod }) {
    const bytes = (text: string) => new TextEncoder().encode(text);
    const c = await expectSuccess(
      pod.start({
        config: {
          envs: [
            { key: "CONFORMANCE_ONE", value: bytes("first") },
            { key: "CONFORMANCE_TWO", value: bytes(" =\"$HOME' ü\t") },
            { key: "CONFORMANCE_ONE", value: bytes("later") },
            { key: "CONFORMANCE_NIL", value: bytes("") },
          ],
        },
      }),
    );
    const found = await c.observe({
      inside: "tr '\\0' '\\n' < /proc/1/environ | grep -E '^(CONFORMANCE_|PATH=)' | sed 's/^PATH=.*/PATH/' | sort",
      recorded({ config }) {
        const envs = JSON.parse(recorded(config, "envs") || "[]") as readonly { key: string; value?: string }[];
        const latest = new Map(envs.map(({ key, value = "" }) => [key, atob(value)]));
        const text = [...latest].map(([key, value]) => `${key}=${value}`);
        return ["PATH", ...text.map((one) => new TextDecoder().decode(Uint8Array.from(one, (c) => c.charCodeAt(0))))]
          .toSorted()
          .join("\n");
      },
    });
    expect(found.split("\n").toSorted()).toEqual([
      "CONFORMANCE_NIL=",
      "CONFORMANCE_ONE=later",
      "CONFORMANCE_TWO= =\"$HOME' ü\t",
      "PATH",
    ]);
  },
});

export const workingFolder: Case = defineCase({
  name: "a container starts in its working folder, which is made where it is missing",
  cites: "runtime.v1 ContainerConfig.working_dir: absolute, made where it is missing",
  covers: ["ContainerConfig.working_dir"],
  async run({ pod }) {
    const c = await pod.start({ config: { workingDir: "/conformance/folder" } });
    const folder = await c.observe({
      inside: "readlink /proc/1/cwd",
      recorded: ({ config }) => recorded(config, "working_dir"),
    });
    expect(folder).toBe("/conformance/folder");
  },
});

export const terminal: Case = defineCase({
  name: "a container has a terminal where it asks for one, and else has none",
  cites: "runtime.v1 ContainerConfig.tty",
  covers: ["ContainerConfig.tty"],
  async run({ pod }) {
    const [one, other] = [await pod.start({ config: { tty: true } }), await pod.start()];
    const ways = {
      inside: "if [ -c /proc/1/fd/1 ]; then echo terminal; else echo none; fi",
      recorded: ({ config }: Readonly<Record<string, unknown>>) => (recorded(config, "tty") ? "terminal" : "none"),
    };
    expect([await one.observe(ways), await other.observe(ways)]).toEqual(["terminal", "none"]);
  },
});

export const stopSignal: Case = defineCase({
  name: "StopContainer sends the signal of the container's configuration, and ContainerStatus tells it",
  cites: "runtime.v1 ContainerConfig.stop_signal, ContainerStatus.stop_signal: resolved; KEP-4960",
  covers: ["ContainerConfig.stop_signal", "ContainerStatus.stop_signal"],
  async run({ pod }) {
    const program = { ...sleeps, stop: { code: 9, log: [{ text: "bye" }] } };
    const c = await pod.start({ program, config: { stopSignal: Signal.SIGKILL } });
    await c.untilLogged("ready");
    expect((await c.status()).stopSignal).toBe(Signal.SIGKILL);
    await c.stop(30);
    expect((await c.status()).exitCode).toBe(137);
    expect((await c.log()).map(({ text }) => text)).toEqual(["ready"]);
  },
});

export const defaultStopSignal: Case = defineCase({
  name: "ContainerStatus tells SIGTERM as the stop signal where neither image nor container has another",
  cites: "runtime.v1 ContainerStatus.stop_signal: not the default",
  covers: ["ContainerStatus.stop_signal"],
  async run({ pod }) {
    const c = await pod.create();
    expect((await c.status()).stopSignal).toBe(Signal.SIGTERM);
  },
});
