import type { Transport } from "@connectrpc/connect";
import { type Endpoint, formatEndpoint } from "@keelson/cri-api/endpoint";
import { CriError, canceled, isCriError } from "@keelson/cri-api/errors";
import type { CriVersion } from "@keelson/cri-api/versions";
import { type Backoff, pauseMs } from "./backoff.ts";
import { type DialledConnection, dialConnection } from "./connection.ts";
import type { CriConnectionEvent } from "./connection-event.ts";
import { explainNoSocket } from "./explain-no-socket.ts";
import type { CriServiceName, LinkState } from "./link-state.ts";
import { negotiate, noCommonVersion, servesNoCri } from "./negotiate.ts";
import { Signal } from "./signal.ts";

export interface LinkOptions {
  readonly endpoint: Endpoint;
  /** The services that this endpoint carries. */
  readonly services: readonly CriServiceName[];
  /** The preferred one first. */
  readonly versions: readonly CriVersion[];
  /** How long one attempt to connect and to agree may take. */
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
  readonly backoff: Backoff;
  /** Whether each redial agrees on a version anew, instead of asking for the one that was chosen. */
  readonly automatic: boolean;
  readonly emit: (event: CriConnectionEvent) => void;
}

/** What a call needs to wait for the link. */
export interface Wait {
  /** Wait until the link is ready, instead of failing when an attempt has failed. */
  readonly waitForReady: boolean;
  readonly signal?: AbortSignal | undefined;
  /** When the wait ends, by `performance.now()`. */
  readonly deadline?: number | undefined;
}

/**
 * The life of the connection to one endpoint: see {@link LinkState}. It redials by itself as soon as the connection broke,
 * with the backoff between attempts; a call that comes meanwhile has one made at once, unless one was made just before.
 */
export class Link {
  readonly endpoint: string;
  readonly #options: LinkOptions;
  readonly #versions = new Map<CriServiceName, CriVersion>();
  /** Each change of the state, and the end of each attempt. */
  readonly #changed = new Signal();
  readonly #wake = new Signal();
  /** Connections that no call begins on any more, while the last calls on them end. */
  readonly #draining = new Set<DialledConnection>();
  #state: LinkState = { name: "negotiating" };
  #connection: DialledConnection | undefined;
  /** The connection that the attempt is made on. */
  #attempted: DialledConnection | undefined;
  #attempt: Promise<CriError | undefined> | undefined;
  #redialing = false;
  #epoch = 0;
  /** Attempts that failed since the link was last ready for a while. */
  #failures = 0;
  #readySince = 0;
  #failedAt = Number.NEGATIVE_INFINITY;
  #failure: CriError | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.endpoint = formatEndpoint(options.endpoint);
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Counts the connections that became ready. */
  get epoch(): number {
    return this.#epoch;
  }

  /** What the service speaks; before the first negotiation the preferred version. */
  version(service: CriServiceName): CriVersion {
    return this.#versions.get(service) ?? this.#options.versions[0] ?? "v1";
  }

  /** What calls go out on. The link must be ready. */
  get transport(): Transport {
    if (this.#connection === undefined) throw this.refusal();
    return this.#connection.transport;
  }

  /** The first negotiation, and every later one that is asked for. @throws what it fails with */
  async negotiate(): Promise<void> {
    while (this.#attempt !== undefined) await this.#attempt;
    if (this.#state.name === "closed") throw this.refusal();
    const before = this.#versions.size > 0;
    this.#set({ name: "negotiating" });
    const failure = await this.#try("negotiate");
    if (failure === undefined) return;
    // a connection that failed is made again as after any other loss; one that serves nothing stays as it is
    if (before && (this.#state as LinkState).name === "negotiating") this.#lost(failure);
    throw failure;
  }

  /**
   * Returns at once when the link is ready.
   * @throws why a call can't go out: CANCELED, FAILED_PRECONDITION (restart required), UNIMPLEMENTED (serves no CRI), or what
   *   the last attempt failed with
   */
  async ready(wait: Wait): Promise<void> {
    while (this.#state.name !== "ready") {
      if (!this.#onTheWay()) throw this.refusal();
      // nobody dials now: this call has it done, but no sooner after the last failure than anybody dials again
      const dueAt = this.#failedAt + this.#options.backoff.initialMs;
      const early = this.#attempt === undefined && performance.now() < dueAt;
      if (this.#attempt === undefined && !early) this.#wake.fire();
      const attempt = this.#attempt;
      const { signal, deadline = Number.POSITIVE_INFINITY } = wait;
      const until = early ? Math.min(dueAt, deadline) : deadline;
      const how = await this.#changed.next({
        signal,
        ...(until === Number.POSITIVE_INFINITY ? {} : { deadline: until }),
      });
      if (how === "late" && until < deadline) continue;
      if (how !== "fired") throw this.#tooLong(how, wait, `not ready in time: ${this.refusal().message}`);
      const failed = attempt !== undefined && this.#attempt === undefined;
      if (failed && !wait.waitForReady && this.#onTheWay()) throw this.refusal();
    }
  }

  /** Waits for what a call needs, within the call's own limits. @throws CANCELED, DEADLINE_EXCEEDED, what it rejects with */
  async within<Value>(value: Promise<Value>, wait: Omit<Wait, "waitForReady">): Promise<Value> {
    const settled = new Signal();
    const fire = (): void => settled.fire();
    value.then(fire, fire);
    const how = await settled.next(wait);
    if (how !== "fired") throw this.#tooLong(how, wait, "the runtime did not show in time what it supports");
    return value;
  }

  #tooLong(how: "aborted" | "late", { signal }: Pick<Wait, "signal">, why: string): CriError {
    if (how === "late") return new CriError("DEADLINE_EXCEEDED", `call at ${this.endpoint}: ${why}`);
    return canceled(`call at ${this.endpoint}: the caller ended it`, { cause: signal?.reason });
  }

  /** Why no call can go out now. */
  refusal(): CriError {
    const state = this.#state;
    switch (state.name) {
      case "closed":
        return canceled(`call at ${this.endpoint}: the connection is closed`);
      case "serves-no-cri":
        return servesNoCri(this.endpoint, state.service);
      case "restart-required":
        return new CriError(
          "FAILED_PRECONDITION",
          `call at ${this.endpoint}: restart required: the runtime no longer serves CRI ${state.chosen}, which was chosen, and serves ${state.served.join(" and ")}`,
          { reason: "RESTART_REQUIRED", hint: "restart this program, or have the connection negotiate anew" },
        );
      case "lost":
      case "redialing":
        return notNow(state.cause);
      default:
        return notNow(this.#failure ?? new CriError("UNAVAILABLE", `call at ${this.endpoint}: not connected yet`));
    }
  }

  /** Ends the connection and all that waits. Idempotent. */
  close(): void {
    if (this.#state.name === "closed") return;
    const connections = [this.#connection, this.#attempted, ...this.#draining];
    this.#connection = undefined;
    this.#draining.clear();
    this.#set({ name: "closed" });
    this.#wake.fire();
    for (const connection of connections) connection?.close();
  }

  /** An attempt is made now or will be. */
  #onTheWay(): boolean {
    const { name } = this.#state;
    return name === "negotiating" || name === "lost" || name === "redialing";
  }

  #set(state: LinkState): void {
    this.#state = state;
    if (state.name === "ready") {
      this.#epoch++;
      this.#readySince = performance.now();
    }
    const { services, emit } = this.#options;
    emit({ type: "state", endpoint: this.endpoint, services, state });
    this.#changed.fire();
  }

  #mainVersion(): CriVersion {
    return this.version(this.#options.services[0] ?? "runtime");
  }

  #lost(cause: CriError): void {
    // a runtime that answers and breaks off, again and again, is dialled no faster than one that is away
    if (performance.now() - this.#readySince > this.#options.backoff.maxMs) this.#failures = 0;
    this.#set({ name: "lost", version: this.#mainVersion(), cause });
    if (!this.#redialing) void this.#redial(cause);
  }

  async #redial(first: CriError): Promise<void> {
    let cause = first;
    this.#redialing = true;
    for (;;) {
      await this.#wake.nextOrAfter(pauseMs(this.#failures, this.#options.backoff));
      if (!this.#onTheWay()) break;
      this.#failures++;
      if (this.#attempt === undefined) {
        this.#set({ name: "redialing", version: this.#mainVersion(), attempt: this.#failures, cause });
      }
      const failure = await this.#try(this.#options.automatic ? "negotiate" : "verify");
      if (!this.#onTheWay()) break;
      cause = failure ?? cause;
    }
    this.#redialing = false;
  }

  /** One attempt at a time: who comes while one is made shares it. Resolves with its failure. */
  #try(mode: "negotiate" | "verify"): Promise<CriError | undefined> {
    this.#attempt ??= this.#tryOnce(mode).then((failure) => {
      this.#attempt = undefined;
      if (failure !== undefined) {
        this.#failedAt = performance.now();
        this.#failure = failure;
        const state = this.#state;
        // for those who wait; the next attempt tells it
        if (state.name === "lost" || state.name === "redialing") this.#state = { ...state, cause: failure };
      }
      this.#changed.fire();
      return failure;
    });
    return this.#attempt;
  }

  async #tryOnce(mode: "negotiate" | "verify"): Promise<CriError | undefined> {
    const connection = this.#connection?.live ? this.#connection : this.#dial();
    this.#attempted = connection;
    try {
      return await this.#agree(connection, mode);
    } catch (error) {
      if (connection === this.#connection) {
        this.#connection = undefined;
        this.#drain(connection);
      } else connection.close();
      if (this.#state.name === "closed") return this.refusal();
      if (!isCriError(error)) throw error;
      return await explainNoSocket(error, this.#options.endpoint);
    } finally {
      this.#attempted = undefined;
    }
  }

  /** Asks for the versions, and takes the connection when the peer speaks gRPC. Returns why no call can go out on it. */
  async #agree(connection: DialledConnection, mode: "negotiate" | "verify"): Promise<CriError | undefined> {
    const { services, versions, timeoutMs } = this.#options;
    const { transport, endpoint } = connection;
    const signal = AbortSignal.timeout(timeoutMs);
    const asked = { transport, endpoint, signal, timeoutMs, greeted: () => connection.greeted };
    const chosen = new Map<CriServiceName, CriVersion>();
    let missing: { readonly service: CriServiceName; readonly served: readonly CriVersion[] } | undefined;
    for (const service of services) {
      const answered = await negotiate({ ...asked, service }, mode === "verify" ? [this.version(service)] : versions);
      if (answered.version !== undefined) chosen.set(service, answered.version);
      else missing ??= { service, served: answered.served };
    }
    if (!connection.live) {
      throw new CriError("UNAVAILABLE", `connect to ${endpoint}: it answered and then broke off`, {
        reason: "CONNECTION_LOST",
      });
    }
    const first = this.#versions.size === 0;
    this.#take(connection);
    if (missing === undefined) {
      this.#choose(chosen);
      this.#set({ name: "ready", version: this.#mainVersion() });
      return undefined;
    }
    const { service, served } = missing;
    if (served.length === 0) this.#set({ name: "serves-no-cri", service });
    else this.#set({ name: "restart-required", service, chosen: this.version(service), served });
    return first && served.length > 0
      ? noCommonVersion(endpoint, service, { wanted: versions, served })
      : this.refusal();
  }

  #choose(chosen: ReadonlyMap<CriServiceName, CriVersion>): void {
    for (const [service, to] of chosen) {
      const from = this.#versions.get(service);
      this.#versions.set(service, to);
      if (from !== undefined && from !== to) {
        this.#options.emit({ type: "version-changed", endpoint: this.endpoint, service, from, to });
      }
    }
  }

  #dial(): DialledConnection {
    const connection: DialledConnection = dialConnection(this.#options.endpoint, {
      maxMessageBytes: this.#options.maxMessageBytes,
      onEnd: (cause) => this.#ended(connection, cause),
    });
    return connection;
  }

  #take(connection: DialledConnection): void {
    if (this.#connection !== undefined && this.#connection !== connection) this.#drain(this.#connection);
    this.#connection = connection;
  }

  /** Lets the last calls on a connection end. */
  #drain(connection: DialledConnection): void {
    connection.drain();
    for (const old of this.#draining) if (old.gone) this.#draining.delete(old);
    if (!connection.gone) this.#draining.add(connection);
  }

  #ended(connection: DialledConnection, cause: unknown): void {
    // one that is being tried tells by the call that fails
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.#drain(connection);
    if (this.#onTheWay()) return;
    const why = cause instanceof Error ? cause.message : String(cause);
    this.#lost(
      new CriError("UNAVAILABLE", `connection to ${this.endpoint} lost: ${why}`, { cause, reason: "CONNECTION_LOST" }),
    );
  }
}

/** What the last attempt failed with, as the failure of a call that was not made. */
function notNow(cause: CriError): CriError {
  const { message, hint, code, reason = "CONNECTION_LOST" } = cause;
  const lasting = code === "PERMISSION_DENIED" || reason === "NOT_GRPC";
  return new CriError(lasting ? code : "UNAVAILABLE", message, {
    reason,
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}
