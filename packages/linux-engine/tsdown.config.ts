import { defineConfig } from "tsdown";

export default defineConfig({
  entry: [
    "src/index.ts",
    "src/spec/index.ts",
    "src/network/cni/index.ts",
    "src/sys/namespace-worker.ts",
    "src/image/fetcher-process.ts",
    "src/image/applier-process.ts",
  ],
  platform: "node",
  dts: true,
  fixedExtension: false,
});
