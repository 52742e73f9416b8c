import type { CriError } from "@keelson/cri-api/errors";
import type { CriVersion } from "@keelson/cri-api/versions";

export type CriServiceName = "runtime" | "image";

/**
 * The life of the connection to one endpoint.
 *
 * negotiating → ready → lost → redialing → ready again, when the runtime that answers serves the version that was chosen.
 * A runtime that serves another version only is `restart-required`, one that serves none `serves-no-cri`: what a server
 * serves does not change while it runs, so both last until the connection breaks, or until `renegotiate()`.
 */
export type LinkState =
  /** Versions are asked for, the preferred one first. */
  | { readonly name: "negotiating" }
  /** Calls go out. Where both services share the endpoint, `version` is the runtime service's. */
  | { readonly name: "ready"; readonly version: CriVersion }
  /** The connection broke. A redial follows at once. */
  | { readonly name: "lost"; readonly version: CriVersion; readonly cause: CriError }
  /** Attempt number `attempt`, from 1, to reach the runtime again with the version that was chosen. */
  | { readonly name: "redialing"; readonly version: CriVersion; readonly attempt: number; readonly cause: CriError }
  /** The runtime answers, its `service` no longer serves `chosen`, and serves `served`. */
  | {
      readonly name: "restart-required";
      readonly service: CriServiceName;
      readonly chosen: CriVersion;
      readonly served: readonly CriVersion[];
    }
  /** The peer speaks gRPC, and `service` is served in no version. */
  | { readonly name: "serves-no-cri"; readonly service: CriServiceName }
  /** By `close()`. The last state. */
  | { readonly name: "closed" };
