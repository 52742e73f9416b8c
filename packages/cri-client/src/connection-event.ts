import type { CriError } from "@keelson/cri-api/errors";
import type { CriVersion } from "@keelson/cri-api/versions";
import type { CriServiceName, LinkState } from "./link-state.ts";

/** What a connection tells its owner while it lives, in order. `endpoint` is written as `unix:///PATH`. */
export type CriConnectionEvent =
  | {
      readonly type: "state";
      readonly endpoint: string;
      /** The services that this endpoint carries. */
      readonly services: readonly CriServiceName[];
      readonly state: LinkState;
    }
  /** A negotiation after the first chose another version. */
  | {
      readonly type: "version-changed";
      readonly endpoint: string;
      readonly service: CriServiceName;
      readonly from: CriVersion;
      readonly to: CriVersion;
    }
  /** A field of a request was not sent, because the runtime would not understand it. */
  | {
      readonly type: "field-dropped";
      readonly endpoint: string;
      /** `RuntimeService/CreateContainer` */
      readonly method: string;
      /** `config.image.user_specified_image` */
      readonly field: string;
      readonly reason: string;
      /** True where the pod runs weaker than asked, which only `onUnsupportedField: "drop"` lets happen. */
      readonly security: boolean;
    }
  /** A streaming list is not served: the unary one is used until the next reconnect. */
  | { readonly type: "list-fallback"; readonly endpoint: string; readonly method: string }
  /** The stream of container events was begun anew, with a list. */
  | { readonly type: "events-resync"; readonly endpoint: string; readonly cause: CriError | undefined };
