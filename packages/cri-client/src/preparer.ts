import type { CriConnectionEvent } from "./connection-event.ts";
import { type Prepared, prepareRequest } from "./effects/index.ts";
import { fromConnectError } from "./from-connect-error.ts";
import type { Link } from "./link.ts";
import type { CriServiceName } from "./link-state.ts";
import { learnServerFacts, type ServerFacts } from "./probe/server-facts.ts";
import type { Prepare } from "./service-client.ts";

export interface PreparerOptions {
  readonly link: Link;
  readonly name: CriServiceName;
  readonly emit: (event: CriConnectionEvent) => void;
  readonly onUnsupportedField: "refuse" | "drop" | "send";
  /** How long the runtime may take to show what it is, in milliseconds. */
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
}

/**
 * Makes requests fit for the server that is there: see {@link prepareRequest}. What a server shows is asked once for each
 * connection to it, when the first request needs it.
 */
export function createPreparer(options: PreparerOptions): Prepare {
  const { link, name, emit, timeoutMs } = options;
  let known: { readonly epoch: number; readonly facts: Promise<ServerFacts> } | undefined;
  const server = (): Promise<ServerFacts> => {
    const { epoch } = link;
    if (known?.epoch === epoch) return known.facts;
    const facts = learnServerFacts({ transport: link.transport, version: link.version(name), timeoutMs }).catch(
      (error: unknown) => {
        // the next request asks again
        if (known?.facts === facts) known = undefined;
        const { endpoint } = link;
        const { maxMessageBytes } = options;
        throw fromConnectError(error, { endpoint, method: "RuntimeService/Status", timeoutMs, maxMessageBytes });
      },
    );
    known = { epoch, facts };
    return facts;
  };
  return ({ method, request, options: call }) => {
    const onUnsupportedField = call.onUnsupportedField ?? options.onUnsupportedField;
    const tell = (prepared: Prepared): Prepared["request"] => {
      for (const { field, reason, security } of prepared.dropped) {
        const called = `${method.parent.name}/${method.name}`;
        emit({ type: "field-dropped", endpoint: link.endpoint, method: called, field, reason, security });
      }
      return prepared.request;
    };
    const prepared = prepareRequest({ method, request, version: link.version(name), server, onUnsupportedField });
    return prepared instanceof Promise ? prepared.then(tell) : tell(prepared);
  };
}
