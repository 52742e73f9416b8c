import { type Endpoint, formatEndpoint, parseEndpoint } from "@keelson/cri-api/endpoint";
import { CriError, canceled, invalidArgument, isCriError } from "@keelson/cri-api/errors";
import { ImageService, RuntimeService } from "@keelson/cri-api/v1";
import { type CriVersion, criVersions } from "@keelson/cri-api/versions";
import { type Backoff, defaultBackoff, pauseMs } from "./backoff.ts";
import type { CriClient } from "./call-options.ts";
import type { Channel } from "./channel.ts";
import { checkOptions } from "./check-options.ts";
import { defaultMaxMessageBytes } from "./connection.ts";
import type { CriConnectionEvent } from "./connection-event.ts";
import { type CriMethodName, deadlineMs } from "./deadlines.ts";
import { createContainerEvents, type FollowContainerEvents } from "./events/container-events.ts";
import { Link } from "./link.ts";
import type { CriServiceName, LinkState } from "./link-state.ts";
import { type CriLists, createLists } from "./lists/create-lists.ts";
import { createPreparer } from "./preparer.ts";
import { serviceClient } from "./service-client.ts";
import { Signal } from "./signal.ts";

export interface ConnectOptions {
  /**
   * `unix:///run/keelson/keelsond.sock`, a path, or a runtime's name (`keelson`, `containerd`, `crio`, `cri-dockerd`). Of a
   * list the first one is taken where something listens.
   */
  readonly runtimeEndpoint: string | readonly string[];
  /** Default: the runtime's. Where both are the same, both services share one connection. */
  readonly imageEndpoint?: string;
  /** The versions to ask for, the preferred one first. Default: v1, then v1alpha2. */
  readonly versions?: readonly CriVersion[];
  /** How long an attempt to connect and to agree on a version may take, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
  /** The kubelet's `runtimeRequestTimeout`, from which each call's deadline follows, in milliseconds. Default 120,000; 0: none. */
  readonly requestTimeoutMs?: number;
  /** Deadlines of single methods instead of the kubelet's, in milliseconds; 0 is none. */
  readonly deadlines?: Readonly<Partial<Record<CriMethodName, number>>>;
  /**
   * Calls wait for a runtime that is away, up to their deadline, instead of failing with UNAVAILABLE; so does the first
   * connection, for which no attempt begins after `timeoutMs`. Default false, as the kubelet has it.
   */
  readonly waitForReady?: boolean;
  /**
   * What a runtime that came back is asked for: the version that was chosen (`manual`, the default: one that is gone means
   * "restart required"), or all anew, the preferred one first (`automatic`). Either way an event tells of a change.
   */
  readonly renegotiate?: "manual" | "automatic";
  /**
   * What happens to a value that makes a pod safer, or otherwise than asked where it is ignored, and that the runtime does
   * not show to keep: `refuse` fails the call with FAILED_PRECONDITION and sends nothing; `drop` sends the rest, and an
   * event tells; `send` leaves it to the runtime, for one that is known to refuse what it does not keep. Default `refuse`.
   */
  readonly onUnsupportedField?: "refuse" | "drop" | "send";
  /** The largest message, each way, in bytes. Default 16 MiB. */
  readonly maxMessageBytes?: number;
  /** Pauses between attempts to reach a runtime that is away. Default 100 ms, doubled up to 3 s. */
  readonly backoff?: Partial<Backoff>;
  /** Ends the connecting; the connection that was made lives on without it. */
  readonly signal?: AbortSignal;
  /** Is told of each change of a connection's state, and of what was done to a request. What it throws is uncaught. */
  readonly onEvent?: (event: CriConnectionEvent) => void;
}

/** A negotiated connection. Whatever the version on the wire, its calls take and return v1 messages. */
export interface CriConnection extends AsyncDisposable {
  readonly runtime: CriClient<typeof RuntimeService>;
  readonly images: CriClient<typeof ImageService>;
  /** The lists of the runtime, item by item. */
  readonly lists: CriLists;
  /** Follows what happens to sandboxes and containers, with a list wherever something may have been missed. */
  readonly containerEvents: FollowContainerEvents;
  /** What the runtime service speaks. */
  readonly version: CriVersion;
  /** What the image service speaks: it may live elsewhere, and decides for itself. */
  readonly imageVersion: CriVersion;
  /** The lives of the connections; one and the same where the services share an endpoint. */
  readonly state: { readonly runtime: LinkState; readonly images: LinkState };
  /**
   * Asks for the versions anew, the preferred one first: what a restart of the kubelet does. Calls on their way go on.
   * @throws what the negotiation fails with
   */
  renegotiate(): Promise<void>;
  /** Ends the connections and all calls on them. Idempotent. */
  close(): void;
}

/**
 * Connects to a container runtime and agrees on a version: the first of `versions` that it serves. Only a real gRPC
 * status 12 (Unimplemented) moves on to the next version; every other failure is an error of its own. When the connection
 * breaks it is made again, with the version that was chosen.
 * @throws INVALID_ARGUMENT for what is no endpoint or no value of an option; UNAVAILABLE when nothing listens there;
 *   PERMISSION_DENIED; DEADLINE_EXCEEDED; INTERNAL for what does not speak gRPC; UNIMPLEMENTED when the endpoint serves none
 *   of the versions (the node must not be registered). The error's `reason` tells them apart.
 * @example
 * ```ts
 * const cri = await connectCri({ runtimeEndpoint: "unix:///run/keelson/keelsond.sock" });
 * console.log((await cri.runtime.version({})).runtimeName);
 * cri.close();
 * ```
 */
export async function connectCri(options: ConnectOptions): Promise<CriConnection> {
  const { runtimeEndpoint, imageEndpoint, signal } = options;
  const candidates = typeof runtimeEndpoint === "string" ? [runtimeEndpoint] : runtimeEndpoint;
  if (candidates.length === 0) throw invalidArgument("connect: no endpoint is given");
  checkOptions(options);
  const imageAt = imageEndpoint === undefined ? undefined : endpointOf(imageEndpoint);
  const all = candidates.map(endpointOf);
  const giveUp = performance.now() + (options.timeoutMs ?? 10_000);
  const pauses = { ...defaultBackoff, ...options.backoff };
  for (let failures = 0; ; failures++) {
    try {
      return await firstOf(all, imageAt, options);
    } catch (error) {
      const pause = pauseMs(failures + 1, pauses);
      if (signal?.aborted || options.waitForReady !== true || !mayPass(error) || performance.now() + pause >= giveUp)
        throw error;
      await new Signal().next({ signal, deadline: performance.now() + pause });
    }
  }
}

/** What a runtime that is about to start answers, and nothing that lasts. */
function mayPass(error: unknown): boolean {
  return (
    isCriError(error) &&
    error.code !== "PERMISSION_DENIED" &&
    error.code !== "UNIMPLEMENTED" &&
    error.reason !== "NOT_GRPC"
  );
}

/** The runtimes in turn: an endpoint where nothing listens is passed over, every other failure is told. */
async function firstOf(
  all: readonly Endpoint[],
  imageAt: Endpoint | undefined,
  options: ConnectOptions,
): Promise<CriConnection> {
  let cause: CriError | undefined;
  for (const runtimeAt of all) {
    const connected = await connectTo(runtimeAt, imageAt ?? runtimeAt, options);
    if (!isCriError(connected)) return connected;
    cause = connected;
  }
  if (cause !== undefined && all.length === 1) throw cause;
  throw new CriError("UNAVAILABLE", `connect: nothing listens at any of ${all.map(formatEndpoint).join(", ")}`, {
    reason: "NOT_LISTENING",
    cause,
    hint: "start the runtime, or name its socket",
  });
}

/** Returns an error where nothing listens at the runtime's endpoint. @throws every other failure */
async function connectTo(
  runtimeAt: Endpoint,
  imageAt: Endpoint,
  options: ConnectOptions,
): Promise<CriConnection | CriError> {
  const { versions = criVersions, timeoutMs = 10_000, maxMessageBytes = defaultMaxMessageBytes } = options;
  const shared = formatEndpoint(runtimeAt) === formatEndpoint(imageAt);
  const emit = (event: CriConnectionEvent): void => {
    try {
      options.onEvent?.(event);
    } catch (error) {
      // a listener's fault is not the connection's
      queueMicrotask(() => {
        throw error;
      });
    }
  };
  const link = (endpoint: Endpoint, services: readonly CriServiceName[]): Link =>
    new Link({
      endpoint,
      services,
      versions,
      timeoutMs,
      maxMessageBytes,
      backoff: { ...defaultBackoff, ...options.backoff },
      automatic: options.renegotiate === "automatic",
      emit,
    });
  const runtimeLink = link(runtimeAt, shared ? ["runtime", "image"] : ["runtime"]);
  const imageLink = shared ? runtimeLink : link(imageAt, ["image"]);
  const links = [...new Set([runtimeLink, imageLink])];
  const negotiate = async (): Promise<void> => {
    for (const one of links) await one.negotiate();
  };
  const closed = new AbortController();
  const close = (): void => {
    for (const one of links) one.close();
    closed.abort();
  };
  const { signal } = options;
  signal?.addEventListener("abort", close);
  try {
    if (signal?.aborted) close();
    await negotiate();
  } catch (error) {
    const reached = runtimeLink.state.name === "ready";
    close();
    if (signal?.aborted) throw canceled("connect: the caller ended it", { cause: signal.reason });
    if (!reached && isCriError(error) && error.reason === "NOT_LISTENING") return error;
    throw error;
  } finally {
    signal?.removeEventListener("abort", close);
  }
  const channel = (one: Link, service: CriServiceName): Channel => ({
    endpoint: one.endpoint,
    get version() {
      return one.version(service);
    },
    get epoch() {
      return one.epoch;
    },
    async ready(signal) {
      await one.ready({ waitForReady: true, signal });
      return one.epoch;
    },
    emit,
  });
  const common = {
    deadlines: { requestTimeoutMs: options.requestTimeoutMs ?? 120_000, byMethod: options.deadlines ?? {} },
    waitForReady: options.waitForReady ?? false,
    maxMessageBytes,
  };
  const { onUnsupportedField = "refuse" } = options;
  const preparing = { emit, onUnsupportedField, timeoutMs, maxMessageBytes };
  const runtime = serviceClient(RuntimeService, {
    ...common,
    link: runtimeLink,
    name: "runtime",
    prepare: createPreparer({ ...preparing, link: runtimeLink, name: "runtime" }),
  });
  const images = serviceClient(ImageService, {
    ...common,
    link: imageLink,
    name: "image",
    prepare: createPreparer({ ...preparing, link: imageLink, name: "image" }),
  });
  const runtimeChannel = channel(runtimeLink, "runtime");
  const lists = createLists({
    runtime: { channel: runtimeChannel, client: runtime },
    images: { channel: channel(imageLink, "image"), client: images },
    timeoutMs: (method) => deadlineMs(method, {}, common.deadlines) ?? 0,
  });
  return {
    runtime,
    images,
    lists,
    containerEvents: createContainerEvents({ channel: runtimeChannel, client: runtime, lists, closed: closed.signal }),
    get version() {
      return runtimeLink.version("runtime");
    },
    get imageVersion() {
      return imageLink.version("image");
    },
    get state() {
      return { runtime: runtimeLink.state, images: imageLink.state };
    },
    renegotiate: negotiate,
    close,
    async [Symbol.asyncDispose]() {
      close();
    },
  };
}

function endpointOf(text: string): Endpoint {
  return parseEndpoint(text, { cwd: process.cwd() });
}
