import process from "node:process";
import { NamespaceMode } from "@keelson/cri-api/v1";
import { until } from "../../../../packages/cri-client/test/peers/harness/until.ts";
import { type ContainerOptions, exited, logLines } from "../harness/pods.ts";
import type { Scenario } from "./scenario.ts";
import type { Side } from "./side.ts";
import { ofContainer, tellContainer } from "./told.ts";

/** A container in a pod of its own; `act` brings it where it is looked at. */
function container(
  name: string,
  options: Partial<ContainerOptions>,
  act: (at: Side, id: string) => Promise<unknown> = async () => {},
): Scenario {
  return {
    name: `container: ${name}`,
    tells: ofContainer,
    async play(at) {
      const id = await at.start(await at.pod(), options);
      await act(at, id);
      return () => tellContainer(at, id);
    },
  };
}

const ends = (at: Side, id: string): Promise<unknown> => exited(at.cri, id);

/** Stops it once it has said that it is ready. */
const stopped =
  (timeout: bigint) =>
  async (at: Side, containerId: string): Promise<void> => {
    const { status } = await at.cri.runtime.containerStatus({ containerId });
    await until("its traps are set", 10_000, async () => (await logLines(status?.logPath ?? "")).includes("ready"));
    await at.cri.runtime.stopContainer({ containerId, timeout });
  };

const loop = "echo ready; while :; do sleep 0.05; done";

/** With the host's process IDs its first process is not the first of a namespace, which no signal of its own ends. */
function byItsOwnSignal(signal: string): Scenario {
  return {
    name: `container: ended by a ${signal} of its own`,
    tells: ofContainer,
    async play(at) {
      const id = await at.run(await at.pod({ pid: NamespaceMode.NODE }), { script: `kill -${signal.slice(3)} $$` });
      return () => tellContainer(at, id);
    },
  };
}

function failsToStart(name: string, options: Partial<ContainerOptions>): Scenario {
  return {
    name: `start fails: ${name}`,
    tells: ofContainer,
    async play(at) {
      const id = await at.failToStart(await at.pod(), options);
      return () => tellContainer(at, id);
    },
  };
}

const limited = { memoryLimitInBytes: 32n * 1024n * 1024n };
const tooMuch = "dd if=/dev/zero of=/dev/null bs=200M count=1";

export const containerScenarios: readonly Scenario[] = [
  {
    name: "container: created",
    tells: ofContainer,
    async play(at) {
      const id = await at.create(await at.pod());
      return () => tellContainer(at, id);
    },
  },
  {
    name: "container: created, then stopped",
    tells: ofContainer,
    async play(at) {
      const containerId = await at.create(await at.pod());
      await at.cri.runtime.stopContainer({ containerId, timeout: 1n });
      return () => tellContainer(at, containerId);
    },
  },
  container("running", {}),
  container("ended with 0", { script: "exit 0" }, ends),
  container("ended with 3", { script: "exit 3" }, ends),
  container("ended with 255", { script: "exit 255" }, ends),
  container("stopped within the grace, ends with 0", { script: `trap "exit 0" TERM; ${loop}` }, stopped(20n)),
  container("stopped within the grace, ends with 143", { script: `trap "exit 143" TERM; ${loop}` }, stopped(20n)),
  container("killed after the grace", { script: `trap "" TERM; ${loop}` }, stopped(1n)),
  container("stopped without a grace", { script: loop }, stopped(0n)),
  {
    name: "container: ended by the SIGTERM of a stop",
    tells: ofContainer,
    async play(at) {
      const id = await at.start(await at.pod({ pid: NamespaceMode.NODE }), { script: loop });
      await stopped(20n)(at, id);
      return () => tellContainer(at, id);
    },
  },
  byItsOwnSignal("SIGTERM"),
  byItsOwnSignal("SIGSEGV"),
  byItsOwnSignal("SIGKILL"),
  container("killed from outside", {}, async (at, containerId) => {
    const { info } = await at.cri.runtime.containerStatus({ containerId, verbose: true });
    process.kill((JSON.parse(info.info ?? "{}") as { readonly pid: number }).pid, "SIGKILL");
    await exited(at.cri, containerId);
  }),
  {
    ...container("killed for want of memory", { script: `exec ${tooMuch}`, resources: limited }, ends),
    needsControllers: true,
  },
  {
    ...container("a child killed for want of memory", { script: `${tooMuch}; exit 9`, resources: limited }, ends),
    needsControllers: true,
  },
  {
    name: "container: removed while it runs",
    tells: ["state"],
    async play(at) {
      const containerId = await at.start(await at.pod());
      await at.cri.runtime.removeContainer({ containerId });
      return async () => {
        const { containers } = await at.cri.runtime.listContainers({ filter: { id: containerId } });
        return { state: containers };
      };
    },
  },
  failsToStart("no such program", { command: ["/no/such/program"] }),
  failsToStart("no such program in PATH", { command: ["no-such-program"] }),
  failsToStart("not executable", { command: ["/etc/passwd"] }),
  failsToStart("a folder", { command: ["/etc"] }),
  failsToStart("the working directory is a file", { extra: { workingDir: "/etc/passwd" } }),
  container("a working directory that is not there", { script: "exit 0", extra: { workingDir: "/not/there" } }, ends),
  container("with a terminal", { extra: { tty: true, stdin: true } }),
  container("without a log", { extra: { logPath: "" } }),
];
