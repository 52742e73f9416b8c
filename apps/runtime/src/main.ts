#!/usr/bin/env node
import process from "node:process";
import { parseArgs } from "node:util";
import { isCriError, wireMessage } from "@keelson/cri-api/errors";
import { ConfigError, defaultConfigFile, type Flags, loadConfig } from "./config.ts";
import { createLog } from "./log.ts";
import { startKeelsond } from "./start-keelsond.ts";

const usage = `usage: keelsond [--config FILE] [--listen unix:///PATH] [--root DIR] [--state DIR]

A container runtime for Kubernetes nodes. Settings come from FILE (default ${defaultConfigFile}), from config.d/*.toml
beside it, and from the flags, which win.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      listen: { type: "string" },
      root: { type: "string" },
      state: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return;
  }
  const config = loadConfig(values as Flags);
  const log = createLog(config.log.level);
  process.on("unhandledRejection", (error) => log.error("a failure that nobody handled", { error }));
  const starting = startKeelsond({ config, log });
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    log.info("stopping; containers go on", { signal });
    starting
      .then((keelsond) => keelsond.close())
      .then(
        () => process.exit(0),
        (error: unknown) => {
          log.error("could not stop cleanly", { error });
          process.exit(1);
        },
      );
  };
  // before anything listens: a signal in the middle of the start ends it too
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  await starting;
}

try {
  await main();
} catch (error) {
  const known = isCriError(error) ? wireMessage(error) : error instanceof Error ? error.message : String(error);
  const text = error instanceof ConfigError || isCriError(error) || isUsage(error) ? known : (error as Error).stack;
  process.stderr.write(`keelsond: ${text}\n`);
  process.exit(1);
}

function isUsage(error: unknown): boolean {
  return error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}
