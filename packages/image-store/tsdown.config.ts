import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["src/index.ts", "src/reference/index.ts", "src/registry/index.ts", "src/build/index.ts"],
  platform: "node",
  dts: true,
  fixedExtension: false,
});
