import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** A process as the node sees it. */
export class NodeProcess {
  readonly pid: string;

  constructor(pid: string) {
    this.pid = pid;
  }

  /** A file of its folder in /proc; "" when the process is gone. */
  async read(file: string): Promise<string> {
    return await readFile(join("/proc", this.pid, file), "utf8").catch(gone);
  }

  /** A namespace by its name in /proc, `net:[4026531840]`; "" when the process is gone. */
  async namespace(kind: "net" | "pid"): Promise<string> {
    return await readlink(join("/proc", this.pid, "ns", kind)).catch(gone);
  }

  /** The value of a line of its status. */
  async status(name: string): Promise<string> {
    return new RegExp(`^${name}:\\s*(.*?)\\s*$`, "m").exec(await this.read("status"))?.[1] ?? "";
  }
}

/** All processes of the node of which something holds. */
export async function findProcesses(holds: (one: NodeProcess) => Promise<boolean>): Promise<readonly NodeProcess[]> {
  const all = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map((pid) => new NodeProcess(pid));
  const found = await Promise.all(all.map(async (one) => ((await holds(one)) ? one : undefined)));
  return found.filter((one) => one !== undefined);
}

/** A process may end while one looks, and a kernel thread has no namespaces to read. */
function gone(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT" || error.code === "ESRCH" || error.code === "EACCES") return "";
  throw error;
}
