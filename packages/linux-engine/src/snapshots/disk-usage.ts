import { run } from "../sys/run.ts";

export interface DiskUsage {
  readonly bytes: number;
  readonly inodes: number;
}

const deadlineMs = 60_000;
const folderFd = 3;
const prefix = `/proc/self/fd/${folderFd}/`;

/**
 * What folders take on the disk, by `du`, off the event loop: paths below an open folder, each with what it takes. One
 * that is gone meanwhile has none.
 */
export async function diskUsage(
  folder: number,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, DiskUsage>> {
  if (names.length === 0) return new Map();
  const paths = names.map((name) => `${prefix}${name}`);
  const measure = async (...how: string[]): Promise<ReadonlyMap<string, number>> => {
    const { stdout } = await run(["du", "-0", "--summarize", "--one-file-system", ...how, "--", ...paths], {
      deadlineMs,
      anyExit: true, // files of a running container come and go
      descriptors: { [folderFd]: folder },
      ...(signal === undefined ? {} : { signal }),
    });
    return parseLines(stdout.toString("latin1"));
  };
  const [bytes, inodes] = await Promise.all([measure("--block-size=1"), measure("--inodes")]);
  return new Map(
    [...bytes].flatMap(([name, size]): [string, DiskUsage][] => {
      const count = inodes.get(name);
      return count === undefined ? [] : [[name, { bytes: size, inodes: count }]];
    }),
  );
}

/** `NUMBER\tPATH\0…` */
function parseLines(text: string): ReadonlyMap<string, number> {
  const lines = text.split("\0").filter((line) => line.includes("\t"));
  return new Map(
    lines.map((line) => {
      const tab = line.indexOf("\t");
      return [line.slice(tab + 1 + prefix.length), Number(line.slice(0, tab))];
    }),
  );
}
