// Writes records until it is killed. argv: root, rewriteBytes, changes between two flushes.
// Prints `acknowledged KEY N` after each commit, and after each flush `durable {KEY: N, …}`.
import { writeSync } from "node:fs";
import { openLogStore } from "../src/state/log-store.ts";
import { recordNumber, recordOf } from "./state-records.ts";

const [root = "", rewriteBytes, flushEvery] = process.argv.slice(2);
const store = await openLogStore(root, { rewriteBytes: Number(rewriteBytes) });
const last = new Map([...(await store.load())].map(([key, value]) => [key, recordNumber(value)]));
let n = Math.max(0, ...last.values());
for (;;) {
  n++;
  const key = `sandbox/${n % 11}`;
  await store.put(key, recordOf(n));
  last.set(key, n);
  writeSync(1, `acknowledged ${key} ${n}\n`);
  if (n % Number(flushEvery) !== 0) continue;
  await store.flush();
  writeSync(1, `durable ${JSON.stringify(Object.fromEntries(last))}\n`);
}
