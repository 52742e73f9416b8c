import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isCriError } from "@keelson/cri-api/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { makeLogFile, removeEmptyLogFile } from "../src/container/log-file.ts";
import { makeTestFolder } from "./busybox-bundle.ts";

describe.skipIf(linuxGate.skip)("T8.06: log files of containers", () => {
  let folder: string;
  let logs: string;
  let canary: string;

  beforeEach(() => {
    folder = makeTestFolder();
    logs = join(folder, "pods", "pod");
    canary = join(folder, "canary");
    mkdirSync(canary);
    writeFileSync(join(canary, "file"), "untouched");
  });
  afterEach(() => {
    expect(readdirSync(canary)).toEqual(["file"]);
    expect(readFileSync(join(canary, "file"), "utf8")).toBe("untouched");
    rmSync(folder, { recursive: true });
  });

  async function refusal(path: string): Promise<string | undefined> {
    const error = await makeLogFile(logs, path).then(
      () => undefined,
      (failure: unknown) => failure,
    );
    if (isCriError(error)) return error.code;
    if (error !== undefined) throw error;
  }

  it("are made with the folders above them, readable by the group", async () => {
    await makeLogFile(logs, join(logs, "c", "0.log"));
    expect(statSync(join(logs, "c", "0.log")).mode & 0o777).toBe(0o640);
    expect(statSync(join(logs, "c")).mode & 0o777).toBe(0o755);
  });

  it("keep what an earlier try has written", async () => {
    mkdirSync(logs, { recursive: true });
    writeFileSync(join(logs, "0.log"), "before");
    await makeLogFile(logs, join(logs, "0.log"));
    expect(readFileSync(join(logs, "0.log"), "utf8")).toBe("before");
  });

  it("refuse a path that leaves the pod's folder, or that conmon would misread", async () => {
    for (const path of ["../out.log", "../../canary/new", ".", "", "a/../../x", "a//b", "a:b/0.log", "a\nb"]) {
      expect(await refusal(`${logs}/${path}`), path).toBe("INVALID_ARGUMENT");
    }
    expect(await refusal("/etc/passwd")).toBe("INVALID_ARGUMENT");
  });

  it("refuse a link, a FIFO, a folder in their place, and a link above them", async () => {
    mkdirSync(join(logs, "folder"), { recursive: true });
    symlinkSync(join(canary, "file"), join(logs, "link"));
    symlinkSync(join(canary, "new"), join(logs, "dangling"));
    symlinkSync(canary, join(logs, "linked"));
    symlinkSync("folder", join(logs, "inside"));
    execFileSync("mkfifo", [join(logs, "fifo")]);
    for (const path of ["link", "dangling", "linked/0.log", "inside/0.log", "fifo", "folder"]) {
      expect(await refusal(join(logs, path)), path).toBe("FAILED_PRECONDITION");
    }
  });

  it("are taken back only when nothing was written, and never through a link", async () => {
    await makeLogFile(logs, join(logs, "empty"));
    writeFileSync(join(logs, "full"), "line");
    symlinkSync(join(canary, "file"), join(logs, "link"));
    for (const name of ["empty", "full", "link", "missing"]) await removeEmptyLogFile(join(logs, name));
    expect(readdirSync(logs).toSorted()).toEqual(["full", "link"]);
  });
});
