export { type Core, type CoreOptions, createCore } from "./core.ts";
export { type Log, type LogFields, silentLog } from "./log.ts";
export { type RegisterOptions, registerCri, type ServedUnary } from "./router.ts";
export { type EncodedItem, encodedItemsOf } from "./rpc/encoded-items.ts";
export type { CallContext } from "./rpc/serve.ts";
export { cutOffKey } from "./rpc/serve-stream.ts";
export { createSystemClock } from "./system-clock.ts";
export type { Span, TracedCall, Tracer } from "./telemetry/tracer.ts";
