import { spawnSync } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCriError } from "@keelson/cri-api/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildTar, type Member, paxRecord } from "../../test/tar-builder.ts";
import type { TarEntry } from "./tar-entry.ts";
import { type TarLimits, TarReader } from "./tar-reader.ts";

/** A source that hands out at most `step` bytes at once. */
function from(bytes: Buffer, step = 65_536): (into: Buffer) => number {
  let at = 0;
  return (into) => {
    const got = bytes.copy(into.subarray(0, step), 0, at);
    at += got;
    return got;
  };
}

function readAll(bytes: Buffer, options: { step?: number; limits?: TarLimits } = {}): [TarEntry, Buffer][] {
  const reader = new TarReader(from(bytes, options.step), options.limits);
  const all: [TarEntry, Buffer][] = [];
  for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
    const pieces: Buffer[] = [];
    for (let piece = reader.read(); piece !== undefined; piece = reader.read()) pieces.push(Buffer.from(piece));
    all.push([entry, Buffer.concat(pieces)]);
  }
  return all;
}

function codeOf(bytes: Buffer, limits?: TarLimits): string {
  try {
    readAll(bytes, limits === undefined ? {} : { limits });
    return "accepted";
  } catch (error) {
    if (!isCriError(error)) throw error;
    return error.code;
  }
}

function only(members: readonly Member[]): TarEntry {
  const [first] = readAll(buildTar(members));
  if (first === undefined) throw new Error("the archive is empty");
  return first[0];
}

describe("TarReader reads", () => {
  test("files with their content, whatever pieces the bytes come in", () => {
    const archive = buildTar([
      { name: "dir/", mode: 0o1777, uid: 7, gid: 8, mtime: 1_700_000_000 },
      { name: "dir/a", content: "hello", mode: 0o4755 },
      { name: "empty" },
      { name: "big", content: Buffer.alloc(600_000, "x") },
    ]);
    for (const step of [1, 511, 512, 513, 1_000_000]) {
      const all = readAll(archive, { step });
      expect(all.map(([entry]) => [entry.kind, entry.path.toString(), entry.mode])).toEqual([
        ["folder", "dir/", 0o1777],
        ["file", "dir/a", 0o4755],
        ["file", "empty", 0o644],
        ["file", "big", 0o644],
      ]);
      expect(all[0]?.[0]).toMatchObject({ uid: 7, gid: 8, mtimeNs: 1_700_000_000_000_000_000n });
      expect(all[1]?.[1].toString()).toBe("hello");
      expect(all[3]?.[1].equals(Buffer.alloc(600_000, "x"))).toBe(true);
    }
  });

  test("links, devices and pipes", () => {
    const kinds = readAll(
      buildTar([
        { name: "s", type: "2", link: "../target" },
        { name: "h", type: "1", link: "a/b" },
        { name: "c", type: "3", devMajor: 1, devMinor: 3 },
        { name: "b", type: "4", devMajor: 259, devMinor: 70_000 },
        { name: "p", type: "6" },
      ]),
    ).map(([entry]) => [entry.kind, entry.linkPath.toString(), entry.devMajor, entry.devMinor]);
    expect(kinds).toEqual([
      ["symlink", "../target", 0, 0],
      ["hard-link", "a/b", 0, 0],
      ["char-device", "", 1, 3],
      ["block-device", "", 259, 70_000],
      ["fifo", "", 0, 0],
    ]);
  });

  test("T12.08: names as bytes, from headers, extended headers and GNU's long names", () => {
    const ff = Buffer.from([0xff, 0x41]);
    const long = Buffer.concat([Buffer.from("d/"), Buffer.alloc(200, 0xfe)]);
    const all = readAll(
      buildTar([
        { name: ff },
        { name: "short", pax: [["path", long]] },
        { name: "././@LongLink", type: "L", content: Buffer.concat([long, Buffer.alloc(1)]) },
        { name: "short" },
        { name: "././@LongLink", type: "K", content: long },
        { name: "l", type: "2", link: "short" },
      ]),
    );
    expect(all.map(([entry]) => entry.path)).toEqual([ff, long, long, Buffer.from("l")]);
    expect(all[3]?.[0].linkPath).toEqual(long);
  });

  test("binary extended attributes, ids, sizes and times of extended headers", () => {
    const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
    const entry = only([
      {
        name: "f",
        content: "abc",
        size: 0,
        pax: [
          ["SCHILY.xattr.security.capability", capability],
          ["uid", "4000000000"],
          ["gid", "3000000000"],
          ["mtime", "-1.5"],
          ["size", "3"],
        ],
      },
    ]);
    expect(entry.xattrs.get("security.capability")).toEqual(capability);
    expect(entry).toMatchObject({ uid: 4_000_000_000, gid: 3_000_000_000, mtimeNs: -1_500_000_000n, sizeBytes: 3 });
  });

  test.each([
    ["1700000000.123456789", 1_700_000_000_123_456_789n],
    ["1700000000.1234567899", 1_700_000_000_123_456_789n],
    ["-0.0000000001", -1n],
    ["0.", 0n],
  ])("the time %s to the nanosecond", (text, ns) => {
    expect(only([{ name: "f", pax: [["mtime", text]] }]).mtimeNs).toBe(ns);
  });

  test("base-256 numbers, ustar prefixes, and no prefix in GNU's format", () => {
    expect(only([{ name: "f", uid: 4_000_000_000 }]).uid).toBe(4_000_000_000);
    expect(only([{ name: "f", mtime: -5 }]).mtimeNs).toBe(-5_000_000_000n);
    expect(only([{ name: "f", prefix: "a/b" }]).path.toString()).toBe("a/b/f");
    expect(only([{ name: "f", prefix: "a/b", magic: "ustar  \0" }]).path.toString()).toBe("f");
    expect(only([{ name: "old/", type: "\0", magic: "" }]).kind).toBe("folder");
  });

  test("an archive without its closing blocks, and one with a single closing block", () => {
    const open = buildTar([{ name: "f", content: "x" }], { closed: false });
    expect(readAll(open)).toHaveLength(1);
    expect(readAll(Buffer.concat([open, Buffer.alloc(512)]))).toHaveLength(1);
    expect(readAll(Buffer.alloc(0))).toHaveLength(0);
  });

  test("T12.07: only the bytes that a short read has brought", () => {
    const archive = buildTar([
      { name: "a", content: "x".repeat(2000) },
      { name: "b", pax: [["path", "long/name"]] },
    ]);
    let at = 0;
    const reader = new TarReader((into) => {
      into.fill("#");
      const got = archive.copy(into.subarray(0, 700), 0, at);
      at += got;
      return got;
    });
    const seen: string[] = [];
    for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
      seen.push(entry.path.toString("latin1"));
      for (let piece = reader.read(); piece !== undefined; piece = reader.read()) seen.push(piece.toString("latin1"));
    }
    expect(seen.join("")).toBe(`a${"x".repeat(2000)}long/name`);
  });

  test("the source to its end, also behind the closing blocks", () => {
    let left = 3_000_000;
    const archive = from(buildTar([{ name: "f" }]));
    const reader = new TarReader((into) => {
      const got = archive(into);
      if (got > 0) return got;
      const more = Math.min(left, into.length);
      left -= more;
      return more;
    });
    expect(reader.next()?.path.toString()).toBe("f");
    expect(reader.next()).toBeUndefined();
    expect(left).toBe(0);
  });
});

describe("TarReader refuses", () => {
  test("T2.09: an archive that is cut anywhere but between two entries", () => {
    const archive = buildTar(
      [
        { name: "a", content: Buffer.alloc(700) },
        { name: "b", pax: [["path", "c"]] },
      ],
      {
        closed: false,
      },
    );
    const between = new Set([0, 3 * 512, archive.length]);
    for (let length = 0; length <= archive.length; length += 64) {
      const code = codeOf(archive.subarray(0, length));
      expect([length, code]).toEqual([length, between.has(length) ? "accepted" : "DATA_LOSS"]);
    }
  });

  test("damage: a wrong checksum, a field that is no number, zeros between entries", () => {
    const archive = buildTar([{ name: "a" }]);
    archive[3] = 1;
    expect(codeOf(archive)).toBe("DATA_LOSS");
    const [block] = [buildTar([{ name: "a" }], { closed: false })];
    block.write("9", 127, "latin1");
    expect(codeOf(block)).toBe("DATA_LOSS");
    const member = buildTar([{ name: "a" }], { closed: false });
    expect(codeOf(Buffer.concat([member, Buffer.alloc(512), member]))).toBe("DATA_LOSS");
  });

  test.each(["S", "D", "M", "V", "N", "A", "Z", "8"])("the entry type %s", (type) => {
    expect(codeOf(buildTar([{ name: "a", type }]))).toBe("INVALID_ARGUMENT");
  });

  test("T2.07: what readers of tar are known to understand in two ways", () => {
    const hidden = buildTar([{ name: "hidden" }], { closed: false });
    const cases: Member[][] = [
      [
        {
          name: "f",
          pax: [
            ["size", "1"],
            ["size", "2"],
          ],
        },
      ],
      [{ name: "l", type: "2", link: "t", content: hidden }],
      [{ name: "d/", content: hidden }],
      [{ name: "h", type: "1", link: "t", pax: [["size", "512"]] }],
      [{ name: "g", type: "g", content: paxRecord("path", "evil") }, { name: "f" }],
      [{ name: "g", type: "g", content: paxRecord("size", "512") }, { name: "f" }],
      [
        { name: "x", type: "x", content: paxRecord("path", "a") },
        { name: "f", pax: [["path", "b"]] },
      ],
    ];
    for (const members of cases) expect(codeOf(buildTar(members))).toBe("INVALID_ARGUMENT");
  });

  test("T2.07: the size of an extended header is its own, whatever came before says", () => {
    const long = Buffer.from("l".repeat(120));
    const all = readAll(
      buildTar([
        { name: "x", type: "x", content: paxRecord("size", "5") },
        { name: "././@LongLink", type: "L", content: long },
        { name: "short", content: "12345", size: 0 },
        { name: "next" },
      ]),
    );
    expect(all.map(([entry, content]) => [entry.path.toString(), content.toString()])).toEqual([
      ["l".repeat(120), "12345"],
      ["next", ""],
    ]);
  });

  test("T2.08: sizes below zero or beyond a safe number, ids beyond 32 bits", () => {
    expect(codeOf(buildTar([{ name: "f", size: -1n }]))).toBe("INVALID_ARGUMENT");
    expect(codeOf(buildTar([{ name: "f", size: 2n ** 62n }]))).toBe("INVALID_ARGUMENT");
    expect(codeOf(buildTar([{ name: "x", type: "x", size: -512n }]))).toBe("INVALID_ARGUMENT");
    expect(codeOf(buildTar([{ name: "f", pax: [["size", "-1"]] }]))).toBe("DATA_LOSS");
    expect(codeOf(buildTar([{ name: "f", pax: [["uid", "4294967295"]] }]))).toBe("INVALID_ARGUMENT");
    expect(codeOf(buildTar([{ name: "f", uid: -1 }]))).toBe("INVALID_ARGUMENT");
    expect(codeOf(buildTar([{ name: "f", type: "3", devMajor: 4096 }]))).toBe("INVALID_ARGUMENT");
  });

  test("T2.08: extended headers over 1 MiB, paths over 4,095 bytes, too many headers; before the bytes are read", () => {
    expect(codeOf(buildTar([{ name: "x", type: "x", size: 1024n ** 3n }]))).toBe("RESOURCE_EXHAUSTED");
    expect(codeOf(buildTar([{ name: "g", type: "g", size: 2n ** 40n }]))).toBe("RESOURCE_EXHAUSTED");
    expect(codeOf(buildTar([{ name: "L", type: "L", size: 2n ** 40n }]))).toBe("RESOURCE_EXHAUSTED");
    expect(codeOf(buildTar([{ name: "f", pax: [["path", "p".repeat(4096)]] }]))).toBe("INVALID_ARGUMENT");
    const limits = { paxBytes: 1024, headers: 3 };
    expect(codeOf(buildTar([{ name: "a" }, { name: "b" }, { name: "c" }]), limits)).toBe("accepted");
    expect(codeOf(buildTar([{ name: "a" }, { name: "b" }, { name: "c" }, { name: "d" }]), limits)).toBe(
      "RESOURCE_EXHAUSTED",
    );
  });

  test("T2.08: names with NUL bytes, no name, a link without a target, sparse files by any of their marks", () => {
    expect(codeOf(buildTar([{ name: "f", pax: [["path", "a\0b"]] }]))).toBe("INVALID_ARGUMENT");
    expect(codeOf(buildTar([{ name: "l", type: "2", pax: [["linkpath", "a\0b"]] }]))).toBe("INVALID_ARGUMENT");
    expect(codeOf(buildTar([{ name: "" }]))).toBe("DATA_LOSS");
    expect(codeOf(buildTar([{ name: "l", type: "2" }]))).toBe("DATA_LOSS");
    expect(codeOf(buildTar([{ name: "f", pax: [["GNU.sparse.major", "1"]] }]))).toBe("INVALID_ARGUMENT");
  });

  test.each([
    "5 a=b\n",
    "60 a=b\n",
    "06 a=b\n",
    "a=b\n",
    " 6 a=b\n",
    "6 ab c\n",
    "5 =b\n",
    "6 a=bc",
    "-6 a=b\n",
    "1 \n",
  ])("a malformed record of an extended header: %j", (text) => {
    expect(codeOf(buildTar([{ name: "x", type: "x", content: text }, { name: "f" }]))).toBe("DATA_LOSS");
  });
});

describe("TarReader, for any input,", () => {
  test("T2.08: answers entries or a typed error for bytes changed at random", () => {
    const archive = buildTar([
      { name: "dir/", mode: 0o755 },
      {
        name: "dir/a",
        content: "hello",
        pax: [
          ["mtime", "1.5"],
          ["SCHILY.xattr.user.a", "b"],
        ],
      },
      { name: "l", type: "2", link: "dir/a" },
      { name: "././@LongLink", type: "L", content: "x".repeat(150) },
      { name: "b", content: Buffer.alloc(1500, 7) },
    ]);
    const change = fc.record({ at: fc.nat({ max: archive.length - 1 }), to: fc.nat({ max: 255 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), fc.nat({ max: archive.length }), (changes, cut) => {
        const bytes = Buffer.from(archive.subarray(0, archive.length - (cut % 3 === 0 ? cut : 0)));
        for (const { at, to } of changes) if (at < bytes.length) bytes[at] = to;
        expect(["accepted", "DATA_LOSS", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"]).toContain(codeOf(bytes));
      }),
      { numRuns: 500 },
    );
  });

  test("T2.08: answers a typed error for headers of its own checksum with random fields", () => {
    const member = fc.record({
      name: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
      type: fc.constantFrom("0", "1", "2", "3", "5", "x", "g", "L", "K", "\0", "S"),
      size: fc.bigInt({ min: -5n, max: 2n ** 40n }),
      content: fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes)),
      link: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(fc.array(member, { maxLength: 5 }), (members) => {
        expect(["accepted", "DATA_LOSS", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"]).toContain(
          codeOf(buildTar(members)),
        );
      }),
      { numRuns: 500 },
    );
  });

  test("T2.08: an archive that claims a file of 2^52 bytes ends in a typed error at once", () => {
    const started = performance.now();
    expect(codeOf(buildTar([{ name: "f", size: 2n ** 52n }]))).toBe("DATA_LOSS");
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

const gnuTar = spawnSync("tar", ["--version"], { encoding: "latin1" }).stdout?.includes("GNU tar") ?? false;

describe.skipIf(!gnuTar)("TarReader and GNU tar", () => {
  /** GNU tar's own list, a name per line, bytes outside printable ASCII as octal escapes. */
  function gnuList(archive: Buffer): string[] | undefined {
    const run = spawnSync("tar", ["--quoting-style=escape", "-t", "-P", "-f", "-"], {
      input: archive,
      encoding: "latin1",
      env: { LC_ALL: "C" },
    });
    return run.status === 0 ? run.stdout.split("\n").slice(0, -1) : undefined;
  }

  function escaped(name: Buffer): string {
    const named: Record<number, string> = { 7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r" };
    return [...name]
      .map((byte) => {
        if (named[byte] !== undefined) return `\\${named[byte]}`;
        if (byte === 0x5c) return "\\\\";
        return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, "0")}`;
      })
      .join("");
  }

  const nameByte = fc.nat({ max: 254 }).map((byte) => byte + 1);
  const name = fc
    .array(nameByte, { minLength: 1, maxLength: 140 })
    .map((bytes) => Buffer.from(bytes))
    .filter((bytes) => bytes.at(-1) !== 0x2f);

  const member = fc.oneof<fc.Arbitrary<Member[]>[]>(
    fc
      .record({ name, content: fc.string({ maxLength: 1200 }) })
      .map(({ name, content }) => [{ name: "short", content, pax: [["path", name]] }]),
    fc.record({ name, content: fc.string({ maxLength: 600 }) }).map(({ name, content }) => [
      { name: "././@LongLink", type: "L", content: Buffer.concat([name, Buffer.alloc(1)]) },
      { name: "short", content },
    ]),
    name.map((name) => [
      { name: "././@LongLink", type: "L", content: Buffer.concat([name, Buffer.alloc(1)]) },
      { name: "short", content: "five5", size: 0, pax: [["size", "5"]] },
    ]),
    name.map((name) => [
      { name: "x", type: "x", content: paxRecord("size", "5") },
      { name: "././@LongLink", type: "L", content: Buffer.concat([name, Buffer.alloc(1)]) },
      { name: "short", content: "five5", size: 0 },
    ]),
    name.map((name) => [{ name: name.subarray(0, 100), content: "x" }]),
    name.map((name) => [{ name: name.subarray(0, 100), type: "2", link: "target" }]),
    name.map((name) => [{ name: name.subarray(0, 100), type: "1", link: "target", size: 77 }]),
    name.map((name) => [{ name: name.subarray(0, 99), prefix: "a/prefix", content: "yz" }]),
    fc.constant([{ name: "g", type: "g", content: paxRecord("comment", "c0ffee") }]),
  );

  test.each(["v7", "oldgnu", "gnu", "ustar", "posix"])(
    "T2.07: list the same members of what GNU tar writes as %s",
    (format) => {
      const folder = mkdtempSync(join(tmpdir(), "keelson-tar-"));
      try {
        mkdirSync(join(folder, "deep", "x".repeat(60)), { recursive: true });
        writeFileSync(join(folder, "deep", "x".repeat(60), "y".repeat(20)), "content");
        writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe])]), "bytes");
        symlinkSync("deep", join(folder, "link"));
        linkSync(join(folder, "deep", "x".repeat(60), "y".repeat(20)), join(folder, "hard"));
        if (format === "gnu" || format === "posix") writeFileSync(join(folder, "deep", "z".repeat(180)), "long");
        const run = spawnSync("tar", ["-c", `--format=${format}`, "-C", folder, "-f", "-", "."]);
        expect(run.status).toBe(0);
        const all = readAll(run.stdout);
        expect(all.map(([entry]) => escaped(entry.path))).toEqual(gnuList(run.stdout));
        const file = all.find(([entry]) => entry.kind === "file" && entry.sizeBytes === 7);
        expect(file?.[1].toString()).toBe("content");
        expect(all.some(([entry]) => entry.kind === "symlink" && entry.linkPath.toString() === "deep")).toBe(true);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  test("T2.07: list the same members of a generated corpus", () => {
    fc.assert(
      fc.property(fc.array(member, { minLength: 1, maxLength: 12 }), fc.boolean(), (groups, closed) => {
        const archive = buildTar(groups.flat(), { closed });
        const ours = readAll(archive).map(([entry]) => escaped(entry.path));
        expect(ours).toEqual(gnuList(archive));
      }),
      { numRuns: 60 },
    );
  });
});
