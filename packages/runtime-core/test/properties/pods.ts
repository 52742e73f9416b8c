import { create } from "@bufbuild/protobuf";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from "@keelson/cri-api/v1";
import { type ContainerScript, scriptAnnotation } from "../../src/sim/index.ts";

export const images = ["docker.io/library/busybox:latest", "docker.io/library/nginx:latest"] as const;

/** What containers do, by a name that their labels show. Each end has a code of its own. */
export const scripts: Readonly<Record<string, ContainerScript>> = {
  "runs until stopped": {},
  "ends by itself": { exit: { code: 3, afterMs: 2000 } },
  "ends at once": { exit: { code: 0 } },
  "does not hear": { stop: "ignore" },
  "takes its time": { stop: { code: 7, afterMs: 5000 } },
  "runs out of memory": { exit: { code: 137, afterMs: 3000, oomKilled: true } },
  "has no command": { startError: "no such command" },
  talks: {
    log: Array.from({ length: 12 }, (_, line) => ({ text: `line ${line}`, atMs: line * 700 })),
    exec: [
      { command: ["slow"], afterMs: 4000, code: 5 },
      { command: ["lost"], notFound: true },
    ],
  },
};

export const scriptNames: readonly string[] = Object.keys(scripts);

/** What a request for a sandbox is known by: its name, and which of two configurations. */
export interface PodWanted {
  readonly name: string;
  readonly attempt: number;
  readonly variant: string;
}

export interface ContainerWanted {
  readonly name: string;
  readonly attempt: number;
  readonly script: string;
  readonly image: string;
}

export const firstLimit = 1_000_000n;

export function podConfig({ name, attempt, variant }: PodWanted): PodSandboxConfig {
  return create(PodSandboxConfigSchema, {
    metadata: { name, namespace: "default", uid: `uid-of-${name}`, attempt },
    logDirectory: `/var/log/pods/${name}`,
    labels: { variant },
  });
}

export function containerConfig({ name, attempt, script, image }: ContainerWanted): ContainerConfig {
  return create(ContainerConfigSchema, {
    metadata: { name, attempt },
    image: { image },
    logPath: `${name}/${attempt}.log`,
    labels: { script },
    annotations: { [scriptAnnotation]: JSON.stringify(scripts[script]) },
    linux: { resources: { memoryLimitInBytes: firstLimit } },
  });
}
