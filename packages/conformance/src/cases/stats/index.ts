import type { Case } from "../../case.ts";
import * as containerStats from "./container-stats.ts";
import * as podMetrics from "./pod-metrics.ts";
import * as pressure from "./pressure.ts";
import * as sandboxStats from "./sandbox-stats.ts";

export const stats: readonly Case[] = [
  ...Object.values(containerStats),
  ...Object.values(pressure),
  ...Object.values(sandboxStats),
  ...Object.values(podMetrics),
];
