import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["src/index.ts", "src/ports/index.ts", "src/sim/index.ts"],
  platform: "neutral",
  dts: true,
  fixedExtension: false,
});
