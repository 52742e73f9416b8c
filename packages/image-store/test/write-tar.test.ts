import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { opaqueWhiteout, whiteout, writeTar } from "../src/build/index.ts";

// GNU tar is the other reader: what it lists is what was meant
describe.skipIf(linuxGate.skip)("writeTar()", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-tar-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const list = (entries: Parameters<typeof writeTar>[0]): string => {
    const path = join(folder, "layer.tar");
    writeFileSync(path, writeTar(entries));
    return execFileSync("tar", ["--numeric-owner", "--full-time", "--utc", "-tvf", path], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, LC_ALL: "C" },
    });
  };

  it("writes every type, mode, owner and target", () => {
    const lines = list([
      { path: "d/", type: "directory", mode: 0o1777, uid: 7, gid: 8 },
      { path: "d/f", content: "hello", mode: 0o4755, mtime: 1700000000 },
      { path: "d/h", type: "hardlink", link: "d/f" },
      { path: "d/s", type: "symlink", link: "f" },
      { path: "null", type: "character", major: 1, minor: 3, mode: 0o666 },
      { path: "pipe", type: "fifo" },
      { path: "big", uid: 5_000_000, gid: 4_294_967_294 },
    ]).split("\n");
    expect(lines[0]).toMatch(/^drwxrwxrwt 7\/8 .* d\/$/);
    expect(lines[1]).toMatch(/^-rwsr-xr-x 0\/0 +5 2023-11-14 22:13:20 d\/f$/);
    expect(lines[2]).toMatch(/^h.* d\/h link to d\/f$/);
    expect(lines[3]).toMatch(/^lrwxrwxrwx .* d\/s -> f$/);
    expect(lines[4]).toMatch(/^crw-rw-rw- 0\/0 +1,3 .* null$/);
    expect(lines[5]).toMatch(/^p.* pipe$/);
    expect(lines[6]).toMatch(/ 5000000\/4294967294 .* big$/);
  });

  it("writes names of any length and any bytes, and the whiteouts of the OCI image-spec", () => {
    const long = `${"x".repeat(90)}/${"y".repeat(150)}`;
    const text = list([{ path: long }, { path: new Uint8Array([0x61, 0xff]) }, whiteout("a/b"), opaqueWhiteout("a")]);
    expect(text).toContain(long);
    expect(text).toContain("a\\377");
    expect(text).toContain(" a/.wh.b\n");
    expect(text).toContain(" a/.wh..wh..opq\n");
  });

  it.each([1, 80, 81, 82, 83, 84, 85, 980, 981, 982, 983, 984])(
    "counts a PAX record of a value of %i bytes",
    (length) => {
      const value = "v".repeat(length);
      const bytes = Buffer.from(writeTar([{ path: "f", xattrs: { "user.k": value } }]));
      const record = /^(\d+) /.exec(bytes.subarray(512, 600).toString("latin1"));
      const declared = Number(record?.[1]);
      expect(bytes.subarray(512 + declared - 1, 512 + declared).toString()).toBe("\n");
      expect(bytes.subarray(512, 512 + declared).toString()).toBe(`${declared} SCHILY.xattr.user.k=${value}\n`);
    },
  );

  it("keeps binary xattr values byte for byte", () => {
    const capability = new Uint8Array([1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 10]);
    writeFileSync(join(folder, "x.tar"), writeTar([{ path: "f", xattrs: { "security.capability": capability } }]));
    expect(readFileSync(join(folder, "x.tar")).includes(Buffer.from(capability))).toBe(true);
  });
});
