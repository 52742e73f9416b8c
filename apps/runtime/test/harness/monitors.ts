// conmon processes as the machine shows them.
import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";

/** The process ID of a container's conmon while it runs. */
export async function monitorOf(containerId: string): Promise<number | undefined> {
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const argv = (await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "")).split("\0"); // it may have ended
    if (basename(argv[0] ?? "") === "conmon" && argv.includes(containerId)) return Number(name);
  }
  return undefined;
}
