// The command behind scripts/leak-check.
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Item, readMachineState } from "./machine-state.ts";

const usage = `usage: scripts/leak-check                              what is there of keelson's
       scripts/leak-check snapshot FILE                keeps the present state
       scripts/leak-check compare FILE [--allow RE]…   every difference from it, but for lines that match
Exits with 1 when there is anything, with 2 when it was called wrongly.`;

/** Every difference as a line: `+` for what is new, `-` for what is gone, `~` for another value. */
export function differences(before: readonly Item[], after: readonly Item[]): readonly string[] {
  const key = (item: Item): string => `${item.kind}: ${item.name}`;
  const old = new Map(before.map((item) => [key(item), item.value]));
  const now = new Map(after.map((item) => [key(item), item.value]));
  const added = [...now.keys()].filter((name) => !old.has(name)).map((name) => `+ ${name}`);
  const gone = [...old.keys()].filter((name) => !now.has(name)).map((name) => `- ${name}`);
  const changed = [...now]
    .filter(([name, value]) => old.has(name) && old.get(name) !== value)
    .map(([name, value]) => `~ ${name}: ${old.get(name)} became ${value}`);
  return [...added, ...gone, ...changed];
}

/** True for what keelson, its tests or its demo made: everything of theirs is named so. */
export function isOurs(item: Item): boolean {
  if (item.kind === "sysctl") return false; // a value does not tell who set it
  if (item.kind === "process" && /^(?:(?:fetcher|applier)-process|keelsond|keelson-fake)\b/.test(item.name))
    return true;
  return item.name.includes("keelson") || (item.kind === "link" && /^kd[0-9a-f]{4,}$/.test(item.name));
}

function main(args: readonly string[]): number {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { allow: { type: "string", multiple: true, default: [] } },
  });
  const [command, file, ...more] = positionals;
  if (command === undefined)
    return show(
      readMachineState()
        .filter(isOurs)
        .map((item) => `${item.kind}: ${item.name}`),
    );
  if (file === undefined || more.length > 0) throw new Error(`${command}: one file is wanted`);
  if (command === "snapshot") {
    writeFileSync(file, `${JSON.stringify(readMachineState(), undefined, 1)}\n`);
    return 0;
  }
  if (command !== "compare") throw new Error(`no such command: ${command}`);
  const before = JSON.parse(readFileSync(file, "utf8")) as readonly Item[];
  const allowed = values.allow.map((pattern) => new RegExp(pattern));
  const found = differences(before, readMachineState());
  return show(found.filter((line) => !allowed.some((pattern) => pattern.test(line))));
}

function show(found: readonly string[]): number {
  for (const line of found) process.stdout.write(`${line}\n`);
  return found.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    process.exitCode = main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`leak-check: ${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
    process.exitCode = 2;
  }
}
