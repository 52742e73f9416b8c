import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Loss } from "./dropping-engine.ts";

/** Where a keelsond that loses fields reads which, below its folder. */
export function lossFile(folder: string): string {
  return join(folder, "loss.json");
}

export async function writeLoss(folder: string, loss: Loss | undefined): Promise<void> {
  const file = lossFile(folder);
  await writeFile(`${file}.new`, JSON.stringify(loss ?? null));
  await rename(`${file}.new`, file);
}
