#!/usr/bin/env node
import { readFile } from "node:fs/promises";
import process from "node:process";
import { invalidArgument, isCriError, wireMessage } from "@keelson/cri-api/errors";
import { type CriVersion, criVersions } from "@keelson/cri-api/versions";
import { parseScript, type Script } from "@keelson/runtime-core/sim";
import { Command, InvalidArgumentError, Option } from "commander";
import { startFakeRuntime } from "./start-fake-runtime.ts";
import { createStderrLog, type LogLevel, logLevels } from "./stderr-log.ts";

interface Flags {
  readonly listen: string;
  readonly versions: readonly CriVersion[];
  readonly script?: string;
  readonly logLevel: LogLevel;
}

async function main(flags: Flags): Promise<void> {
  const script = flags.script === undefined ? {} : await readScript(flags.script);
  const starting = startFakeRuntime({
    endpoint: flags.listen,
    versions: flags.versions,
    script,
    log: createStderrLog(flags.logLevel),
  });
  // from here on: a signal in the middle of the start must leave no socket either
  const close = (): void => void starting.then((fake) => fake.close()).catch(fail);
  process.on("SIGTERM", close);
  process.on("SIGINT", close);
  const fake = await starting;
  // whoever started us may have stopped reading
  process.stdout.on("error", () => undefined);
  process.stdout.write(`listening on ${fake.endpoint}\n`);
}

async function readScript(file: string): Promise<Script> {
  const text = await readFile(file, "utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalidArgument(`read --script ${file}: ${cause instanceof Error ? cause.message : "not JSON"}`, { cause });
  }
  parseScript(value, `--script ${file}`);
  return value as Script;
}

function readVersions(text: string): readonly CriVersion[] {
  return text.split(",").map((word) => {
    const version = criVersions.find((one) => one === word.trim());
    if (version === undefined) throw new InvalidArgumentError(`want ${criVersions.join(" or ")}, got "${word}".`);
    return version;
  });
}

function fail(error: unknown): void {
  const text = isCriError(error) ? wireMessage(error) : error instanceof Error ? error.message : String(error);
  process.stderr.write(`keelson-fake: ${text}\n`);
  process.exitCode = 1;
}

const program = new Command("keelson-fake")
  .description("A container runtime that speaks CRI and starts no process: containers are played from scripts.")
  .requiredOption("--listen <endpoint>", "where to listen, unix:///PATH")
  .addOption(
    new Option("--versions <list>", "versions of CRI to serve, with commas between them")
      .argParser(readVersions)
      .default(criVersions, criVersions.join(",")),
  )
  .option("--script <file>", "JSON: the images that there are, and what containers do")
  .addOption(new Option("--log-level <level>", "what to log on stderr").choices(logLevels).default("warn"))
  .showHelpAfterError("(keelson-fake --help explains the options)")
  .action(main);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  fail(error);
}
