// keelsond, with an engine that does not get what the file beside its configuration says. It stands in a file so that it
// holds over restarts.
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Flags, loadConfig, startKeelsond } from "../../../apps/runtime/src/index.ts";
import { createLog } from "../../../apps/runtime/src/log.ts";
import { droppingEngine, type Loss } from "./dropping-engine.ts";
import { lossFile } from "./loss-file.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({ options: { config: text, listen: text, root: text, state: text } });
const file = lossFile(dirname(values.config ?? ""));
const config = loadConfig(values as Flags);
const keelsond = await startKeelsond({
  config,
  log: createLog(config.log.level),
  wrapEngine: (engine) => droppingEngine(engine, { loss: readLoss, fromInfo: false }),
});
process.once("SIGTERM", () => {
  void keelsond.close().then(() => process.exit(0));
});

function readLoss(): Loss | undefined {
  const loss: unknown = JSON.parse(readFileSync(file, "utf8"));
  return loss === null ? undefined : (loss as Loss);
}
