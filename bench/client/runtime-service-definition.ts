import { join } from "node:path";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const proto = join(import.meta.dirname, "../../proto/runtime/v1/api.proto");

/** runtime.v1.RuntimeService by the project's proto file, with the options of proto-loader's README. */
export function runtimeServiceDefinition(): ServiceDefinition {
  const loaded = loadSync(proto, { longs: String, enums: String, defaults: true, oneofs: true });
  return loaded["runtime.v1.RuntimeService"] as ServiceDefinition;
}
