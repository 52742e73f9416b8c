import { grpcStatus } from "@keelson/cri-api/errors";
import type { TracedCall, Tracer } from "@keelson/runtime-core";
import { context, propagation, SpanKind, SpanStatusCode, type TextMapGetter, trace } from "@opentelemetry/api";

/** What propagators ask for; a request has more headers than anybody may list. */
const getter: TextMapGetter<TracedCall> = {
  get: (call, name) => call.header(name) ?? undefined,
  keys: () => ["traceparent", "tracestate", "baggage"],
};

/** Makes spans through the SDK that is set up in this process. */
export function openTelemetryTracer(version: string): Tracer {
  const tracer = trace.getTracer("@keelson/runtime", version);
  return {
    begin(call) {
      const attributes = { "rpc.system": "grpc", "rpc.service": call.service, "rpc.method": call.rpc };
      const parent = propagation.extract(context.active(), call, getter);
      const span = tracer.startSpan(`${call.service}/${call.rpc}`, { kind: SpanKind.SERVER, attributes }, parent);
      const { traceId } = span.spanContext();
      return {
        traceId: /^0*$/.test(traceId) ? undefined : traceId,
        end({ code, message }) {
          span.setAttribute("rpc.grpc.status_code", code === "OK" ? 0 : grpcStatus[code]);
          if (message !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message });
          span.end();
        },
      };
    },
  };
}
