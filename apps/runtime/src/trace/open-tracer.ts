import type { Tracer } from "@keelson/runtime-core";

/** Under this name an OpenTelemetry SDK that was set up in the process makes itself known to every copy of the API. */
const registered = Symbol.for("opentelemetry.js.api.1");

/**
 * Spans of calls through OpenTelemetry, where whoever started the process has set up an SDK in it (`node --import`).
 * Without one nothing of OpenTelemetry is loaded, or looked for.
 */
export async function openTracer(version: string): Promise<Tracer | undefined> {
  if (!(registered in globalThis)) return undefined;
  const { openTelemetryTracer } = await import("./open-telemetry.ts");
  return openTelemetryTracer(version);
}
