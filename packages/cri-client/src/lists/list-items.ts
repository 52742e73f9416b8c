import type { DescMethod } from "@bufbuild/protobuf";
import { canceled, deadlineExceeded } from "@keelson/cri-api/errors";
import { criServices } from "@keelson/cri-api/versions";
import type { CriCallOptions } from "../call-options.ts";
import type { Channel } from "../channel.ts";
import type { CriServiceName } from "../link-state.ts";
import { cancelableIterable } from "./cancelable-iterable.ts";
import { isMethodMissing } from "./is-method-missing.ts";

/** The limits of one list. */
export interface ListOptions {
  /** Ends the list: the loop over it throws CANCELED. */
  readonly signal?: AbortSignal;
  /**
   * How long the whole list may take, in milliseconds, with the time that the loop spends on its items. Default: the
   * connection's, which is the kubelet's 2 minutes. 0 means no limit.
   */
  readonly timeoutMs?: number;
}

type CallLimits = Required<Pick<CriCallOptions, "signal" | "timeoutMs">>;

/** The two ways to one list. */
export interface ListWays<Part, Item> {
  /** The streaming method, as v1 has it. */
  readonly streaming: DescMethod;
  readonly stream: (limits: CallLimits) => AsyncIterable<Part>;
  readonly itemsOf: (part: Part) => readonly Item[];
  readonly unary: (limits: CallLimits) => Promise<readonly Item[]>;
}

/** Which streaming lists a service does not serve; known of one connection, and forgotten with it. */
export class ListFallbacks {
  readonly channel: Channel;
  readonly service: CriServiceName;
  readonly #unserved = new Map<string, number>();

  constructor(channel: Channel, service: CriServiceName) {
    this.channel = channel;
    this.service = service;
  }

  /** Whether to ask by the streaming method. */
  streams({ localName }: DescMethod): boolean {
    const { epoch, version } = this.channel;
    return localName in criServices[version][this.service].method && this.#unserved.get(localName) !== epoch;
  }

  /** Takes note that the method was not served in this epoch. Told once. */
  add({ localName, name, parent }: DescMethod, epoch: number): void {
    if (this.#unserved.get(localName) === epoch) return;
    this.#unserved.set(localName, epoch);
    const { endpoint } = this.channel;
    this.channel.emit({ type: "list-fallback", endpoint, method: `${parent.name}/${name}` });
  }
}

/**
 * The items of one list as they come: by the streaming method, or by the unary one where that is not served, which shows
 * at its first message and costs the deadline no second start.
 * @throws whatever ends the list before its end; what was handed out is then a part of it
 */
export function listItems<Part, Item>(
  fallbacks: ListFallbacks,
  ways: ListWays<Part, Item>,
  { signal: outer, timeoutMs }: { readonly signal: AbortSignal | undefined; readonly timeoutMs: number },
): AsyncIterable<Item> {
  const { channel } = fallbacks;
  const what = `list by ${ways.streaming.name} at ${channel.endpoint}`;
  return cancelableIterable(iterate, outer);

  async function* iterate(signal: AbortSignal): AsyncGenerator<Item, void> {
    const startedAt = performance.now();
    if (fallbacks.streams(ways.streaming)) {
      const { epoch } = channel;
      let begun = false;
      try {
        for await (const part of ways.stream({ signal, timeoutMs })) {
          begun = true;
          yield* handOut(ways.itemsOf(part), signal);
        }
        return;
      } catch (error) {
        if (begun || !isMethodMissing(error)) throw error;
        fallbacks.add(ways.streaming, epoch);
      }
    }
    const leftMs = timeoutMs - (performance.now() - startedAt);
    if (timeoutMs > 0 && leftMs <= 0) throw deadlineExceeded(`${what}: no answer in ${timeoutMs} ms`);
    yield* handOut(await ways.unary({ signal, timeoutMs: timeoutMs > 0 ? leftMs : 0 }), signal);
  }

  function* handOut(items: readonly Item[], signal: AbortSignal): Generator<Item, void> {
    for (const item of items) {
      // a part can hold thousands
      if (signal.aborted) throw canceled(`${what}: the caller ended it`, { cause: signal.reason });
      yield item;
    }
  }
}
