import { create } from "@bufbuild/protobuf";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  NamespaceMode,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
  SecurityProfile_ProfileType,
} from "@keelson/cri-api/v1";
import { maskedPaths, readonlyPaths } from "./default-paths.ts";

export interface PodOptions {
  readonly name: string;
  readonly uid: string;
  /** An absolute folder for the logs of its containers. */
  readonly logDirectory: string;
  readonly hostNetwork: boolean;
}

const runtimeDefault = { profileType: SecurityProfile_ProfileType.RuntimeDefault };

function namespaces(hostNetwork: boolean): { network: NamespaceMode; pid: NamespaceMode; ipc: NamespaceMode } {
  return {
    network: hostNetwork ? NamespaceMode.NODE : NamespaceMode.POD,
    pid: NamespaceMode.CONTAINER,
    ipc: NamespaceMode.POD,
  };
}

/** A pod as a kubelet would ask for it, with the default confinement. */
export function podConfig(options: PodOptions): PodSandboxConfig {
  return create(PodSandboxConfigSchema, {
    metadata: { name: options.name, uid: options.uid, namespace: "keelson", attempt: 0 },
    hostname: options.hostNetwork ? "" : options.name,
    logDirectory: options.logDirectory,
    labels: { "keelson.dev/made-by": "keelson-cli" },
    linux: { securityContext: { namespaceOptions: namespaces(options.hostNetwork), seccomp: runtimeDefault } },
  });
}

export interface ContainerOptions {
  readonly name: string;
  readonly image: string;
  readonly imageRef: string;
  /** Replaces the image's own command when it is not empty. */
  readonly command: readonly string[];
  readonly hostNetwork: boolean;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function containerConfig(options: ContainerOptions): ContainerConfig {
  return create(ContainerConfigSchema, {
    metadata: { name: options.name, attempt: 0 },
    image: { image: options.imageRef, userSpecifiedImage: options.image },
    command: [...options.command],
    annotations: { ...options.annotations },
    logPath: `${options.name}.log`,
    linux: {
      resources: {},
      securityContext: {
        namespaceOptions: namespaces(options.hostNetwork),
        seccomp: runtimeDefault,
        maskedPaths: [...maskedPaths()],
        readonlyPaths: [...readonlyPaths],
      },
    },
  });
}
