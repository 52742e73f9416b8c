// Writes the results of bench/results into docs/benchmarks.md, between its markers.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClientResult } from "./client/client-result.ts";
import { clientPart } from "./client/client-tables.ts";
import type { ListResult } from "./lists/list-result.ts";
import { listPart } from "./lists/list-tables.ts";
import type { PodLifeResult, SyscallResult } from "./results.ts";
import { callTables, circumstanceLines, imageLine, resultTable } from "./tables.ts";

const results = join(import.meta.dirname, "results");
const page = join(import.meta.dirname, "../docs/benchmarks.md");

async function read<Result>(name: string): Promise<Result> {
  return JSON.parse(await readFile(join(results, name), "utf8")) as Result;
}

/** @throws when the page lacks the markers */
function replacePart(text: string, name: string, part: string): string {
  const begin = `<!-- begin ${name} -->`;
  const end = `<!-- end ${name} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`write ${name} into ${page}: no "${begin}" followed by "${end}"`);
  return `${text.slice(0, from)}${begin}\n${part}\n${text.slice(to)}`;
}

const life = await read<PodLifeResult>("pod-life.json");
const calls = await read<SyscallResult>("syscalls.json");
let text = await readFile(page, "utf8");
text = replacePart(text, "pod-life", [circumstanceLines(life), imageLine(life), resultTable(life)].join("\n\n"));
text = replacePart(
  text,
  "syscalls",
  [
    circumstanceLines(calls),
    `${calls.starts} starts, one after the other; under strace the median start took ${calls.tracedStartMs.toFixed(0)} ms.`,
    callTables(calls),
  ].join("\n\n"),
);
text = replacePart(text, "lists", listPart(await read<ListResult>("lists.json")));
text = replacePart(text, "client", clientPart(await read<ClientResult>("client.json")));
await writeFile(page, text);
