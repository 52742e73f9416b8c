import { type Context, context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { afterEach, describe, expect, it } from "vitest";
import { openTracer } from "../src/trace/open-tracer.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const call = {
  rpc: "RunPodSandbox",
  service: "runtime.v1.RuntimeService",
  version: "v1",
  header: (name: string) => (name === "traceparent" ? `00-${traceId}-b7ad6b7169203331-01` : null),
} as const;

/** The least of an SDK: what it is told, as an exporter would see it. */
function setUpSdk() {
  const spans: Record<string, unknown>[] = [];
  const parentKey = Symbol("parent");
  propagation.setGlobalPropagator({
    inject: () => undefined,
    extract: (into, carrier, getter) => into.setValue(parentKey, getter.get(carrier, "traceparent")),
    fields: () => ["traceparent"],
  });
  trace.setGlobalTracerProvider({
    getTracer: (name, version) => ({
      startSpan(spanName, options, parent?: Context) {
        const seen: Record<string, unknown> = { tracer: `${name} ${version}`, spanName, ...options };
        seen.parent = parent?.getValue(parentKey);
        spans.push(seen);
        const span = {
          spanContext: () => ({ traceId, spanId: "b".repeat(16), traceFlags: 1 }),
          setAttribute: (key: string, value: unknown) => Object.assign(seen, { [key]: value }),
          setStatus: (status: unknown) => Object.assign(seen, { status }),
          end: () => Object.assign(seen, { ended: true }),
        };
        return span as never;
      },
      startActiveSpan: () => {
        throw new Error("nobody calls it");
      },
    }),
  });
  return spans;
}

afterEach(() => {
  for (const api of [trace, propagation, context]) api.disable();
});

describe("OpenTelemetry", () => {
  it("is left alone in a process that has no SDK", async () => {
    Reflect.deleteProperty(globalThis, Symbol.for("opentelemetry.js.api.1"));
    expect(await openTracer("1.2.3")).toBeUndefined();
  });

  it("gets a span for each call, below the caller's own, with its code", async () => {
    const spans = setUpSdk();
    const tracer = await openTracer("1.2.3");
    const span = tracer?.begin(call);
    expect(span?.traceId).toBe(traceId);
    span?.end({ code: "DEADLINE_EXCEEDED", message: "deadline reached" });
    tracer?.begin({ ...call, rpc: "Version" }).end({ code: "OK", message: undefined });
    expect(spans).toEqual([
      {
        tracer: "@keelson/runtime 1.2.3",
        spanName: "runtime.v1.RuntimeService/RunPodSandbox",
        kind: SpanKind.SERVER,
        attributes: { "rpc.system": "grpc", "rpc.service": "runtime.v1.RuntimeService", "rpc.method": "RunPodSandbox" },
        parent: call.header("traceparent"),
        "rpc.grpc.status_code": 4,
        status: { code: SpanStatusCode.ERROR, message: "deadline reached" },
        ended: true,
      },
      expect.objectContaining({ "rpc.grpc.status_code": 0, ended: true }),
    ]);
  });
});
