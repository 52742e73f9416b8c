import { readFile } from "node:fs/promises";
import { create } from "@bufbuild/protobuf";
import { type LogEntry, parseLogLine } from "@keelson/cri-api/logs";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  ContainerState,
  type ContainerStatus,
  type LinuxContainerResourcesSchema,
  type LinuxContainerSecurityContextSchema,
  NamespaceMode,
} from "@keelson/cri-api/v1";
import { fail } from "../assert/expect.ts";
import { type Command, type Program, sleeps } from "../program/program.ts";
import { renderCommand, renderProgram } from "../program/render-command.ts";
import { renderScript, scriptAnnotation } from "../program/render-script.ts";
import type { Calls } from "./calls.ts";
import type { Fields } from "./pod.ts";
import { until } from "./until.ts";

export interface ContainerOptions {
  /** Default: one that no other container of the pod has. */
  readonly name?: string;
  readonly attempt?: number;
  /** Default: it runs until it is stopped, and says `ready`. */
  readonly program?: Program;
  /** Default: the target's busybox. */
  readonly image?: string;
  readonly security?: Fields<typeof LinuxContainerSecurityContextSchema>;
  readonly resources?: Fields<typeof LinuxContainerResourcesSchema>;
  /** Laid over the configuration. */
  readonly config?: Fields<typeof ContainerConfigSchema>;
}

type StateName = "created" | "running" | "exited";

const states: Readonly<Record<StateName, ContainerState>> = {
  created: ContainerState.CONTAINER_CREATED,
  running: ContainerState.CONTAINER_RUNNING,
  exited: ContainerState.CONTAINER_EXITED,
};

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface ContainerParts {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly cri: Calls;
  readonly signal: AbortSignal;
  readonly waitMs: number | undefined;
  readonly logFile: string;
  readonly inside: boolean;
}

/** A container that was created. */
export class Container {
  readonly id: string;
  readonly config: ContainerConfig;
  /** The absolute path of its log. */
  readonly logFile: string;
  readonly #parts: ContainerParts;

  constructor(parts: ContainerParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.config = parts.config;
    this.logFile = parts.logFile;
  }

  async start(): Promise<void> {
    await this.#parts.cri.startContainer({ containerId: this.id });
  }

  /** @param timeout seconds; 0 kills at once */
  async stop(timeout = 0): Promise<void> {
    await this.#parts.cri.stopContainer({ containerId: this.id, timeout: BigInt(timeout) });
  }

  async remove(): Promise<void> {
    await this.#parts.cri.removeContainer({ containerId: this.id });
  }

  async status(): Promise<ContainerStatus> {
    const { status } = await this.#parts.cri.containerStatus({ containerId: this.id });
    return status ?? fail("ContainerStatus has no status");
  }

  /** The JSON in the verbose answer's `info`. */
  async info(): Promise<Readonly<Record<string, unknown>>> {
    const { info } = await this.#parts.cri.containerStatus({ containerId: this.id, verbose: true });
    const value: unknown = JSON.parse(info.info ?? fail("the verbose answer has no `info`"));
    return typeof value === "object" && value !== null ? { ...value } : fail("`info` is no object");
  }

  /** Asks until it is in the state. @returns its status then */
  until(state: StateName): Promise<ContainerStatus> {
    const holds = async (): Promise<ContainerStatus | undefined> => {
      const status = await this.status();
      if (state === "running" && status.state === states.exited) fail(`it has exited with ${status.exitCode}`);
      return status.state === states[state] ? status : undefined;
    };
    return until(`the container is ${state}`, holds, this.#parts);
  }

  /** Asks until its log has this line, on either stream. @returns the log's entries then */
  untilLogged(text: string): Promise<readonly LogEntry[]> {
    const holds = async (): Promise<readonly LogEntry[] | undefined> => {
      const entries = await this.log();
      return entries.some((entry) => entry.text === text) ? entries : undefined;
    };
    return until(`the log says ${JSON.stringify(text)}`, holds, this.#parts);
  }

  /** The entries of its log file; none when there is no file. @throws ExpectationError for what is no line of a CRI log */
  async log(): Promise<readonly LogEntry[]> {
    const text = await readFile(this.logFile, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    const lines = text.split("\n").slice(0, -1); // what has no line feed is being written
    return lines.map((line) => parseLogLine(line) ?? fail(`not a line of a CRI log: ${JSON.stringify(line)}`));
  }

  /** Runs a command that is in its program. @param timeout seconds, 0: none */
  async exec(command: Command, timeout = 10): Promise<Output> {
    return await this.execArgv(renderCommand(command), timeout);
  }

  /**
   * What is so for the container: on Linux what a shell script prints in it, elsewhere what the runtime has recorded. For
   * containers that run. Without line feeds at the end.
   */
  async observe(ways: {
    readonly inside: string;
    readonly recorded: (info: Readonly<Record<string, unknown>>, status: ContainerStatus) => string;
  }): Promise<string> {
    if (!this.#parts.inside) return ways.recorded(await this.info(), await this.status());
    const { stdout, stderr, exitCode } = await this.execArgv(["sh", "-c", ways.inside], 10);
    if (exitCode !== 0) fail(`${JSON.stringify(ways.inside)} in the container: exit code ${exitCode}, ${stderr}`);
    return stdout.replace(/\n+$/, "");
  }

  /** Any command, where containers are real. */
  async execArgv(cmd: readonly string[], timeout = 10): Promise<Output> {
    const answer = await this.#parts.cri.execSync({ containerId: this.id, cmd: [...cmd], timeout: BigInt(timeout) });
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    return { stdout: text(answer.stdout), stderr: text(answer.stderr), exitCode: answer.exitCode };
  }
}

export interface ContainerDefaults {
  readonly name: string;
  readonly image: string;
  /** The pod's. */
  readonly network: NamespaceMode;
}

export function containerConfig(options: ContainerOptions, defaults: ContainerDefaults): ContainerConfig {
  const { name = defaults.name, attempt = 0, program = sleeps, image = defaults.image } = options;
  const { network } = defaults;
  return create(ContainerConfigSchema, {
    metadata: { name, attempt },
    image: { image, userSpecifiedImage: image },
    command: [...renderProgram(program)],
    annotations: { [scriptAnnotation]: renderScript(program) },
    labels: { "conformance.container": name },
    logPath: `${name}/${attempt}.log`,
    linux: {
      resources: { ...options.resources },
      securityContext: {
        namespaceOptions: { network, pid: NamespaceMode.CONTAINER, usernsOptions: { mode: NamespaceMode.NODE } },
        ...options.security,
      },
    },
    ...options.config,
  });
}
