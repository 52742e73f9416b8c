import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listTree } from "./tree-listing.ts";

/** A tree outside all of our folders that nothing may touch; `state()` is the same text as long as nothing has. */
export class Canary implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "keelson-canary-"));

  constructor() {
    mkdirSync(join(this.folder, "folder"), { mode: 0o711 });
    writeFileSync(join(this.folder, "file"), "canary", { mode: 0o640 });
    writeFileSync(join(this.folder, "folder", "inner"), "canary", { mode: 0o600 });
  }

  state(): string {
    const text = JSON.stringify([...listTree(this.folder)], (_, value) =>
      typeof value === "bigint" ? `${value}` : value,
    );
    return createHash("sha256").update(text).digest("hex");
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
