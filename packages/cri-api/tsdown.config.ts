import { defineConfig } from "tsdown";

export default defineConfig({
  entry: [
    "src/gen/runtime/v1/api_pb.ts",
    "src/gen/runtime/v1alpha2/api_pb.ts",
    "src/errors.ts",
    "src/logs.ts",
    "src/endpoint.ts",
    "src/redact.ts",
    "src/versions.ts",
  ],
  platform: "neutral",
  dts: true,
  fixedExtension: false,
});
