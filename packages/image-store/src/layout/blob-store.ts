import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { KeyedLock } from "@keelson/lifecycle";
import { dataLoss } from "../manifest/data-loss.ts";
import { type Digest, digestHex, digestOfHex, isDigest } from "../reference/index.ts";
import { flushFolder, temporaryPrefix, writeFileDurably } from "./durable-file.ts";
import { Ingest } from "./ingest.ts";
import { isMissing, storeError } from "./store-error.ts";

export interface BlobInfo {
  readonly digest: Digest;
  readonly size: number;
}

/**
 * The blobs of an OCI image layout: `blobs/sha256/HEX`, and beside them `ingest/HEX` for those still coming. A blob is
 * in place only as a whole and verified; nothing is ever changed in place. Several processes may share the folder, as
 * long as no two ingest the same blob at once; within one process that is seen to.
 */
export class BlobStore {
  readonly root: string;
  readonly #locks = new KeyedLock();

  private constructor(root: string) {
    this.root = root;
  }

  /** Makes the folders where they are missing. */
  static async open(root: string): Promise<BlobStore> {
    const store = new BlobStore(root);
    try {
      await mkdir(store.#blobFolder(), { recursive: true, mode: 0o700 });
      await mkdir(store.#ingestFolder(), { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw storeError("open image store", root, cause);
    }
    return store;
  }

  /** Size of a blob; undefined when it isn't there. */
  async find(digest: Digest): Promise<BlobInfo | undefined> {
    try {
      return { digest, size: (await stat(this.#path(digest))).size };
    } catch (cause) {
      if (isMissing(cause)) return undefined;
      throw storeError("find blob", this.#path(digest), cause);
    }
  }

  /** A small blob as a whole, not verified; undefined when it isn't there. */
  async readBlob(digest: Digest): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#path(digest));
    } catch (cause) {
      if (isMissing(cause)) return undefined;
      throw storeError("read blob", this.#path(digest), cause);
    }
  }

  /** A small blob as a whole. @throws DATA_LOSS when it is not there or not what its digest says */
  async readVerified(digest: Digest): Promise<Uint8Array> {
    const bytes = await this.readBlob(digest);
    const hint = "remove the image and pull it again";
    if (bytes === undefined) throw dataLoss(`read blob ${digest}: it is not in the store`, hint);
    if (sha256(bytes) === digest) return bytes;
    throw dataLoss(`read blob ${digest}: its content has changed on the disk`, hint);
  }

  /** A blob's bytes as they lie on the disk, not verified. */
  streamBlob(digest: Digest): AsyncIterable<Uint8Array> {
    return createReadStream(this.#path(digest), { highWaterMark: 256 * 1024 });
  }

  /** Stores a small blob under the digest that its bytes have. */
  async writeBlob(bytes: Uint8Array): Promise<Digest> {
    const digest = sha256(bytes);
    if ((await this.find(digest))?.size === bytes.byteLength) return digest;
    try {
      await writeFileDurably(this.#path(digest), bytes);
    } catch (cause) {
      throw storeError("write blob", this.#path(digest), cause);
    }
    return digest;
  }

  /**
   * Opens the place where a blob's bytes gather; what an earlier try left is in it. One at a time per blob: a second
   * caller waits until the first has closed it. What is not committed stays for a resume.
   */
  async openIngest(digest: Digest): Promise<Ingest> {
    const opened = Promise.withResolvers<Ingest>();
    const closed = Promise.withResolvers<void>();
    const held = this.#locks.run(digest, async () => {
      const path = join(this.#ingestFolder(), digestHex(digest));
      opened.resolve(await Ingest.open({ path, target: this.#path(digest), onClose: closed.resolve }));
      await closed.promise;
    });
    held.catch(opened.reject);
    return await opened.promise;
  }

  /** All blobs that are in place. */
  async list(): Promise<readonly BlobInfo[]> {
    const names = await readdir(this.#blobFolder());
    const found = await Promise.all(names.map((name) => digestOfName(name)).map((d) => d && this.find(d)));
    return found.filter((info) => info !== undefined);
  }

  /** Removes a blob. Idempotent. */
  async remove(digest: Digest): Promise<void> {
    await rm(this.#path(digest), { force: true });
  }

  /**
   * Removes what crashes and given-up pulls have left: files in the making, and partial blobs, none of them touched for
   * `olderThanMs`. Partial blobs that `keep` names stay.
   */
  async removeLeftovers(olderThanMs: number, keep: (digest: Digest) => boolean): Promise<void> {
    const remove = async (path: string): Promise<void> => {
      try {
        const { mtimeMs } = await stat(path);
        if (mtimeMs <= Date.now() - olderThanMs) await rm(path, { force: true, recursive: true });
      } catch (cause) {
        if (!isMissing(cause)) throw storeError("remove leftover", path, cause);
      }
    };
    for (const name of await readdir(this.#blobFolder())) {
      if (name.startsWith(temporaryPrefix)) await remove(join(this.#blobFolder(), name));
    }
    for (const name of await readdir(this.#ingestFolder())) {
      const path = join(this.#ingestFolder(), name);
      const digest = digestOfName(name);
      if (digest === undefined) await remove(path);
      else if (!keep(digest)) await this.#locks.run(digest, () => remove(path));
    }
  }

  /** Makes all blobs in place durable as names too; their content is already. */
  async flush(): Promise<void> {
    await flushFolder(this.#blobFolder());
  }

  #blobFolder(): string {
    return join(this.root, "blobs", "sha256");
  }

  #ingestFolder(): string {
    return join(this.root, "ingest");
  }

  #path(digest: Digest): string {
    return join(this.#blobFolder(), digestHex(digest));
  }
}

function digestOfName(name: string): Digest | undefined {
  const digest = `sha256:${name}`;
  return isDigest(digest) ? digest : undefined;
}

function sha256(bytes: Uint8Array): Digest {
  return digestOfHex(createHash("sha256").update(bytes).digest("hex"));
}
