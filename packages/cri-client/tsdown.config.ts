import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["src/index.ts", "src/logs/index.ts", "src/probe/index.ts"],
  platform: "node",
  dts: true,
  fixedExtension: false,
});
