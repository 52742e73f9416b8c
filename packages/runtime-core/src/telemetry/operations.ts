import type { Meter, Reading } from "../ports/meter.ts";

/** An operation outlives its callers; it is named after the RPC that asks for it. */
export type OperationName =
  | "RunPodSandbox"
  | "StopPodSandbox"
  | "RemovePodSandbox"
  | "CreateContainer"
  | "StartContainer"
  | "StopContainer"
  | "RemoveContainer"
  | "UpdateContainerResources"
  | "ReopenContainerLog"
  | "PullImage";

/** Hears of one operation. */
export interface OperationWatch {
  /** A stage is over. */
  stage(what: string, tookMs: number): void;
  /** The operation is over. */
  end(result: "done" | "failed"): void;
}

const stageBounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** Counts operations, whoever still waits for them. */
export class Operations {
  readonly #running = new Map<OperationName, number>();
  readonly #begin: (name: OperationName) => OperationWatch;
  readonly #joined: (name: OperationName) => void;

  constructor(meter: Meter) {
    const stages = meter.histogram(
      {
        name: "keelson_operation_stage_seconds",
        help: "How long operations were in their stages.",
        labels: ["operation", "stage"],
      },
      stageBounds,
    );
    const ended = meter.counter({
      name: "keelson_operations_total",
      help: "Operations that have ended.",
      labels: ["operation", "result"],
    });
    const joined = meter.counter({
      name: "keelson_operations_joined_total",
      help: "Calls that found their operation under way, or finished and unclaimed, and shared it.",
      labels: ["operation"],
    });
    meter.observe(
      {
        name: "keelson_operations_running",
        help: "Operations that run now, those included whose callers have gone.",
        labels: ["operation"],
      },
      "gauge",
      () => [...this.#running].map(([name, running]): Reading => [running, name]),
    );
    this.#joined = (name) => joined.of(name).add();
    this.#begin = (name) => ({
      stage: (what, tookMs) => stages.of(name, what).record(tookMs / 1000),
      end: (result) => {
        this.#running.set(name, (this.#running.get(name) ?? 1) - 1);
        ended.of(name, result).add();
      },
    });
  }

  begin(name: OperationName): OperationWatch {
    this.#running.set(name, (this.#running.get(name) ?? 0) + 1);
    return this.#begin(name);
  }

  /** A call shares an operation that another one began. */
  joined(name: OperationName): void {
    this.#joined(name);
  }
}
