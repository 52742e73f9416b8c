import { Code, ConnectError } from "@connectrpc/connect";
import type { Life } from "./machine.ts";

export type Rpc =
  | "RunPodSandbox"
  | "StopPodSandbox"
  | "RemovePodSandbox"
  | "PodSandboxStatus"
  | "ListPodSandbox"
  | "CreateContainer"
  | "StartContainer"
  | "StopContainer"
  | "RemoveContainer"
  | "ContainerStatus"
  | "ListContainers"
  | "ExecSync"
  | "UpdateContainerResources"
  | "UpdatePodSandboxResources"
  | "ReopenContainerLog"
  | "PullImage"
  | "RemoveImage"
  | "ImageStatus"
  | "ListImages";

/** How a call ended, as its caller sees it. */
export type Answer<T = unknown> =
  | { readonly code: "OK"; readonly value: T }
  | { readonly code: string; readonly message: string };

export const isOk = <T>(answer: Answer<T>): answer is { readonly code: "OK"; readonly value: T } =>
  answer.code === "OK";

export const messageOf = (answer: Answer): string => ("message" in answer ? answer.message : "");

export interface CallOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

/** What is asked, and how its answer is judged. */
export interface Request<T = unknown> {
  readonly rpc: Rpc;
  /** What it has created: kind, name and configuration. */
  readonly wants?: string;
  /** What it is about: an object's ID, a name. */
  readonly about: string;
  send(life: Life, options: CallOptions): Promise<T>;
  /** @throws {@link Violation} when the answer can't be. */
  judge(answer: Answer<T>, call: Call): void;
}

export interface Call {
  readonly number: number;
  readonly request: Request;
  readonly life: Life;
  /** The step of the run at which it began. */
  readonly began: number;
  /** How long it has taken so far; undefined when something has hung or could not be recorded. */
  readonly tookMs: () => number | undefined;
  readonly controller: AbortController;
  readonly timeoutMs: number | undefined;
  /** It began before its life served. */
  readonly early: boolean;
  /** Its caller has gone. */
  left: boolean;
  answer: Answer | undefined;
  /** Makes the same request once more. */
  again?: () => Request;
  /** Who has asked for the same in the same moment. */
  twin?: Call;
}

const codes = new Map(Object.entries(Code).map(([name, code]) => [code, name] as const));

/** Waits for a call and says how it ended; never rejects. */
export async function answerOf<T>(sent: Promise<T>): Promise<Answer<T>> {
  try {
    return { code: "OK", value: await sent };
  } catch (cause) {
    const error = ConnectError.from(cause);
    return { code: codes.get(error.code) ?? String(error.code), message: error.rawMessage };
  }
}
