import http from "node:http";
import type { AddressInfo } from "node:net";
import { failedPrecondition } from "@keelson/cri-api/errors";
import type { Log } from "@keelson/runtime-core";
import { expose, expositionType } from "./exposition.ts";
import type { MetricRegistry } from "./metric-registry.ts";

export interface MetricsServer {
  /** Where to scrape: `http://HOST:PORT/metrics`. */
  readonly url: string;
  /** Idempotent. */
  close(): Promise<void>;
}

const mostConnections = 16;
const slowestRequestMs = 10_000;

/**
 * Answers GET /metrics and nothing else.
 * @param options `host` and `port` are where it listens; port 0 takes a free one
 * @throws FAILED_PRECONDITION when it can't listen there
 */
export async function serveMetrics(options: {
  readonly host: string;
  readonly port: number;
  readonly registry: MetricRegistry;
  readonly log: Log;
}): Promise<MetricsServer> {
  const { host, port, registry, log } = options;
  const onError = (metric: string, error: unknown): void => log.warn("a metric could not be read", { metric, error });
  const limits = {
    maxHeaderSize: 16 * 1024,
    headersTimeout: slowestRequestMs,
    requestTimeout: slowestRequestMs,
    keepAliveTimeout: 5_000,
  };
  const server = http.createServer(limits, (request, response) => {
    const { method, url = "" } = request;
    response.on("error", (error) => log.debug("metrics answer broke", { error }));
    if (url.split("?", 1)[0] !== "/metrics") answer(response, 404, "text/plain", "see /metrics\n");
    else if (method !== "GET" && method !== "HEAD") answer(response, 405, "text/plain", "want GET\n");
    else answer(response, 200, expositionType, expose(registry.collect(onError)));
  });
  server.maxConnections = mostConnections;
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(port, host, listening.resolve);
  try {
    await listening.promise;
  } catch (cause) {
    throw failedPrecondition(`serve metrics on ${host}:${port}: ${cause instanceof Error ? cause.message : cause}`, {
      hint: "set [metrics] listen to a free address of this machine",
      cause,
    });
  }
  server.on("error", (error) => log.error("metrics server failed", { error }));
  const { address, port: taken } = server.address() as AddressInfo;
  const url = `http://${address.includes(":") ? `[${address}]` : address}:${taken}/metrics`;
  log.info("metrics are served", { url });
  return {
    url,
    async close() {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(response: http.ServerResponse, status: number, type: string, text: string): void {
  // a request with a body has no business here: nothing reads it
  response.writeHead(status, { "content-type": type, ...(status === 200 ? {} : { connection: "close" }) });
  response.end(text);
}
