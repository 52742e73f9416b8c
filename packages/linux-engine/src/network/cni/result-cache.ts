import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { invalidArgument, isCriError, quote } from "@keelson/cri-api/errors";
import { isErrno } from "../../sys/syscall-error.ts";
import type { AttachmentParameters } from "./exec-plugin.ts";
import { asObject, type ForeignObject, field, listField, parseForeignJson, stringField } from "./foreign-json.ts";
import { parseNetworkList } from "./network-list.ts";

/** An attachment as it is noted on disk, enough for a DEL. */
export interface CachedAttachment {
  readonly network: string;
  readonly attachment: AttachmentParameters;
  /** The network configuration that the attachment was made with, as text. */
  readonly config: string;
  readonly capabilityArgs: ForeignObject;
  /** The answer of the last plugin that succeeded, as JSON text. */
  readonly resultJson: string;
}

const kind = "cniCacheV1";
const maxBytes = 4 * 1024 * 1024;

/**
 * What plugins answered, in libcni's file format (`<network>-<container>-<interface>`, kind `cniCacheV1`), in a folder of
 * our own. libcni writes it after the last plugin; here it is written after each, so that a DEL after a crash in the
 * middle of a chain still knows what was there.
 */
export class ResultCache {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(entry: CachedAttachment): Promise<void> {
    const name = fileName(entry.network, entry.attachment);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const temporary = join(this.#folder, `.${name}.new`);
    const file = await open(temporary, "w", 0o600);
    try {
      await file.writeFile(format(entry));
    } finally {
      await file.close();
    }
    await rename(temporary, join(this.#folder, name));
  }

  /** Undefined when nothing is noted, or nothing readable: a loss of power may have left an empty file. */
  async read(network: string, attachment: AttachmentParameters): Promise<CachedAttachment | undefined> {
    const found = await this.#readFile(fileName(network, attachment));
    return found === "unreadable" ? undefined : found;
  }

  /** Idempotent. */
  async delete(network: string, attachment: AttachmentParameters): Promise<void> {
    const name = fileName(network, attachment);
    await rm(join(this.#folder, name), { force: true });
    await rm(join(this.#folder, `.${name}.new`), { force: true });
  }

  /** Everything that is noted. Notes that can't be read are removed, and named. */
  async list(): Promise<{ readonly entries: readonly CachedAttachment[]; readonly unreadable: readonly string[] }> {
    const names = await readdir(this.#folder).catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return [];
      throw error;
    });
    const entries: CachedAttachment[] = [];
    const unreadable: string[] = [];
    for (const name of names.toSorted()) {
      const entry = name.startsWith(".") ? undefined : await this.#readFile(name);
      if (entry === "unreadable") unreadable.push(name);
      if (entry === undefined || entry === "unreadable") await rm(join(this.#folder, name), { force: true });
      else entries.push(entry);
    }
    return { entries, unreadable };
  }

  async #readFile(name: string): Promise<CachedAttachment | "unreadable" | undefined> {
    let bytes: Uint8Array;
    try {
      bytes = await readFile(join(this.#folder, name));
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    }
    try {
      return parse(bytes);
    } catch (error) {
      if (isCriError(error, "INVALID_ARGUMENT")) return "unreadable";
      throw error;
    }
  }
}

/** All three are names without `/`: the network's and the interface's were checked when read, the ID is ours. */
function fileName(network: string, { containerId, interfaceName }: AttachmentParameters): string {
  const name = `${network}-${containerId}-${interfaceName}`;
  if (name.includes("/") || name.includes("\0")) throw new Error(`no file name: ${JSON.stringify(name)}`);
  return name;
}

function format({ network, attachment, config, capabilityArgs, resultJson }: CachedAttachment): string {
  return JSON.stringify({
    kind,
    containerId: attachment.containerId,
    config: Buffer.from(config).toString("base64"),
    ifName: attachment.interfaceName,
    networkName: network,
    netns: attachment.netnsPath,
    cniArgs: attachment.args,
    capabilityArgs,
    result: parseForeignJson(resultJson, { maxBytes }),
  });
}

function parse(bytes: Uint8Array): CachedAttachment {
  const object = asObject(parseForeignJson(bytes, { maxBytes }), "cached result");
  const text = (key: string): string => stringField(object, key, maxBytes) ?? "";
  if (text("kind") !== kind) throw invalidArgument(`cached result: kind ${quote(text("kind"))}, want ${kind}`);
  const args = (listField(object, "cniArgs", 64) ?? []).flatMap((pair) => {
    const [key, value] = Array.isArray(pair) ? (pair as readonly unknown[]) : [];
    return typeof key === "string" && typeof value === "string" ? [[key, value] as const] : [];
  });
  const config = Buffer.from(text("config"), "base64").toString("utf8");
  parseNetworkList(config); // or a DEL could not be made from it
  return {
    network: text("networkName"),
    attachment: {
      containerId: text("containerId"),
      netnsPath: text("netns"),
      interfaceName: text("ifName"),
      args,
    },
    config,
    capabilityArgs: asObject(field(object, "capabilityArgs") ?? {}, "capabilityArgs"),
    resultJson: JSON.stringify(field(object, "result") ?? {}),
  };
}
