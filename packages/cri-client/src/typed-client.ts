import type { DescService } from "@bufbuild/protobuf";
import { type CallOptions, type Client, createClient } from "@connectrpc/connect";
import { type Connection, defaultMaxMessageBytes } from "./connection.ts";
import { fromConnectError } from "./from-connect-error.ts";

type Call = (request: unknown, options?: CallOptions) => unknown;

/** A client whose calls throw CriError instead of the transport's own errors. */
export function typedClient<Service extends DescService>(service: Service, connection: Connection): Client<Service> {
  const inner = createClient(service, connection.transport) as unknown as Record<string, Call>;
  const outer: Record<string, Call> = {};
  for (const method of service.methods) {
    const call = inner[method.localName];
    if (call === undefined) continue;
    outer[method.localName] =
      method.methodKind === "unary"
        ? async (request, options) => {
            try {
              return await call(request, options);
            } catch (error) {
              throw fromConnectError(error, {
                endpoint: connection.endpoint,
                method: method.name,
                maxMessageBytes: defaultMaxMessageBytes,
              });
            }
          }
        : (request, options) => typedStream(call(request, options) as AsyncIterable<unknown>, connection.endpoint);
  }
  return outer as unknown as Client<Service>;
}

async function* typedStream(messages: AsyncIterable<unknown>, endpoint: string): AsyncGenerator<unknown> {
  try {
    yield* messages;
  } catch (error) {
    throw fromConnectError(error, { endpoint, method: "stream", maxMessageBytes: defaultMaxMessageBytes });
  }
}
