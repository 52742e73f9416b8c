import { wireMessage } from "@keelson/cri-api/errors";
import { redact } from "@keelson/cri-api/redact";
import { readTraceparent } from "../../telemetry/trace-context.ts";
import { categorize } from "../to-connect-error.ts";
import type { Link, Watch } from "./chain.ts";

const unwatched: Watch = {};

/** The outermost link: whose trace a call belongs to, for its log lines, and its span where somebody makes spans. */
export const trace: Link = ({ tracer }, { rpc, service, version }) => {
  if (tracer === undefined) {
    return (call) => {
      call.traceId = readTraceparent(call.header("traceparent"))?.traceId;
      return unwatched;
    };
  }
  return (call) => {
    const span = tracer.begin({ rpc, service, version, header: call.header });
    call.traceId = span.traceId ?? readTraceparent(call.header("traceparent"))?.traceId;
    return {
      told: ({ code, error }) =>
        span.end({ code, message: error === undefined ? undefined : redact(wireMessage(categorize(error))) }),
    };
  };
};
