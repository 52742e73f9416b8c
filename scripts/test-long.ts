// The tests that take too long for `npm test`, by parts; KEELSON_LONG is set for them. The last line is the sum.
//   test-long.ts [PART…]      default: all
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type LongPart, longPartMinutes, longParts } from "./long-parts.ts";

const root = join(import.meta.dirname, "..");

let interrupted = false;

interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Runs one part, and shows what it says. A run without a tally has failed. */
async function runPart({ files }: LongPart): Promise<Tally> {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const child = spawn(process.execPath, [vitest, "run", "--configLoader", "native", "--maxWorkers=2", ...files], {
    cwd: root,
    env: { ...process.env, KEELSON_LONG: "1" },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: longPartMinutes * 60_000,
  });
  const pass = (signal: NodeJS.Signals): void => {
    interrupted = true;
    child.kill(signal);
  };
  process.on("SIGINT", pass).on("SIGTERM", pass);
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    process.stdout.write(text);
    said = (said + text).slice(-1000);
  });
  const [code, signal] = await once(child, "close");
  if (signal !== null && !interrupted) console.error(`${files.join(", ")}: no end in ${longPartMinutes} minutes`);
  process.off("SIGINT", pass).off("SIGTERM", pass);
  const counts = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(said)?.slice(1).map(Number) ?? [];
  const [passed = 0, failed = 0, skipped = 0] = counts;
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1), skipped };
}

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((name) => !longParts.some((part) => part.name === name));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(", ")}; there are ${longParts.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
const chosen = longParts.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const sum = { passed: 0, failed: 0, skipped: 0 };
const lines: string[] = [];
for (const part of chosen) {
  if (interrupted) break;
  const began = performance.now();
  const { passed, failed, skipped } = await runPart(part);
  sum.passed += passed;
  sum.failed += failed;
  sum.skipped += skipped;
  const seconds = Math.round((performance.now() - began) / 1000);
  lines.push(`part    ${part.name}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds} s`);
}
console.log(lines.join("\n"));
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = sum.failed === 0 ? 0 : 1;
