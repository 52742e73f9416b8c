import { readKernelFile } from "./read-kernel-file.ts";

/** Names of disks by their numbers, as the kernel tells them; a number that has none is its own name. */
export class DiskNames {
  readonly #known = new Map<string, string>();

  /** @param number `MAJOR:MINOR` @returns `/dev/vda` */
  async nameOf(number: string): Promise<string> {
    const known = this.#known.get(number);
    if (known !== undefined) return known;
    const [, name] = /^DEVNAME=(.+)$/m.exec((await readKernelFile(`/sys/dev/block/${number}/uevent`)) ?? "") ?? [];
    const found = name === undefined ? number : `/dev/${name}`;
    // a machine has some hundred of them, and numbers come back with other disks
    if (this.#known.size >= 1_000) this.#known.clear();
    this.#known.set(number, found);
    return found;
  }
}

/** `MAJOR:MINOR` of what stat(2) tells as the device of a file, as glibc's major(3) has it. */
export function deviceNumber(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}
