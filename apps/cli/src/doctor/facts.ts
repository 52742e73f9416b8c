// What doctor found out about one endpoint, as plain data: the judgement reads nothing else.
import type { CriErrorCode, CriErrorReason } from "@keelson/cri-api/errors";
import type { CriVersion } from "@keelson/cri-api/versions";

/** Why a question has no answer. */
export interface Failure {
  readonly code: CriErrorCode;
  readonly reason: CriErrorReason | undefined;
  readonly message: string;
  readonly hint: string | undefined;
}

/** How a call was refused. `unimplemented` is gRPC's status 12 from the peer itself, nothing else. */
export type Refusal = { readonly answer: "unimplemented" } | { readonly answer: "failed"; readonly failure: Failure };

export type Answer<T> = { readonly answer: "served"; readonly value: T } | Refusal;

/** Whether a service is served under each name, by the call that a kubelet asks (Version; ImageFsInfo). */
export type Served = Readonly<Record<CriVersion, { readonly answer: "served" } | Refusal>>;

/** What the runtime calls itself. Nothing is decided by it, but by the first (see judge-kubelets.ts). */
export interface VersionStrings {
  /** VersionResponse.version, the version of the kubelet's runtime API. */
  readonly kubeletApiVersion: string;
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  readonly runtimeApiVersion: string;
}

export interface Condition {
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

/** By the proto's names: `user_namespaces`. */
export type Features = Readonly<Record<string, boolean>>;

export interface Handler {
  /** Empty: the default. */
  readonly name: string;
  readonly features: Features;
}

export interface StatusFacts {
  readonly conditions: readonly Condition[];
  readonly handlers: readonly Handler[];
  /** Undefined where the runtime tells none, which is what those from before 1.31 do. */
  readonly features: Features | undefined;
}

/** `unset`: RuntimeConfig is served and names none; `unknown`: it names one that no kubelet knows. */
export type CgroupDriver = "systemd" | "cgroupfs" | "unset" | "unknown";

/** One version of the RuntimeService, asked further. */
export interface RuntimeFacts {
  readonly strings: Answer<VersionStrings>;
  readonly status: Answer<StatusFacts>;
}

/** `not-asked`: a call for which there is no harmless form; it is one that every runtime has. */
export type MethodAnswer = "served" | "unimplemented" | "unanswered" | "not-asked";

export interface EndpointFacts {
  /** `unix:///run/containerd/containerd.sock` */
  readonly endpoint: string;
  /** Where the image service was asked; most often the same. */
  readonly imageEndpoint: string;
  readonly runtime: Served;
  readonly image: Served;
  /** For each version of the RuntimeService that is served. */
  readonly asked: Readonly<Partial<Record<CriVersion, RuntimeFacts>>>;
  /** RuntimeConfig of v1; v1alpha2 does not have it. */
  readonly cgroupDriver: Answer<CgroupDriver>;
  /** `RuntimeService/ListContainers` → answer, in the version that `methodsOf` names for each service. */
  readonly methods: Readonly<Record<string, MethodAnswer>>;
  readonly methodsOf: { readonly runtime: CriVersion | undefined; readonly image: CriVersion | undefined };
}
