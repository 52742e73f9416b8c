import { readFileSync } from "node:fs";
import { isCriError } from "@keelson/cri-api/errors";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { defaultApplyLimits } from "../src/snapshots/apply-layer.ts";
import { LayerStack } from "./layer-stack.ts";
import type { Member } from "./tar-builder.ts";
import { listKinds, listTree } from "./tree-listing.ts";

const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");

describe.skipIf(linuxGate.skip)("applyLayer(), seen through a real overlay mount,", () => {
  let stack: LayerStack;
  beforeEach(() => {
    stack = new LayerStack();
  });
  afterEach(() => {
    stack[Symbol.dispose]();
  });

  function codeOf(members: readonly Member[] | Buffer): string {
    try {
      stack.apply(members);
      return "applied";
    } catch (error) {
      if (!isCriError(error)) throw error;
      return error.code;
    }
  }

  test("keeps owners, modes, times to the nanosecond, links, devices, pipes and attributes", () => {
    const applied = stack.apply([
      { name: "./", mode: 0o755, mtime: 5 },
      { name: "tmp/", mode: 0o1777, mtime: 1_600_000_000 },
      { name: "tmp/su", mode: 0o4755, uid: 1000, gid: 2000, content: "x", pax: [["mtime", "1700000000.123456789"]] },
      { name: "tmp/hard", type: "1", link: "tmp/su" },
      { name: "tmp/sym", type: "2", link: "../\xff", uid: 3, gid: 4, pax: [["mtime", "-1.5"]] },
      { name: "null", type: "3", mode: 0o666, devMajor: 1, devMinor: 3, uid: 5 },
      { name: "disk", type: "4", mode: 0o660, devMajor: 259, devMinor: 70_000 },
      { name: "pipe", type: "6", mode: 0o600, gid: 9 },
      {
        name: "ping",
        mode: 0o755,
        uid: 7,
        pax: [
          ["SCHILY.xattr.security.capability", capability],
          ["SCHILY.xattr.user.note", "n\0\xff"],
          ["SCHILY.xattr.trusted.overlay.opaque", "y"],
          ["SCHILY.xattr.user.overlay.opaque", "y"],
          ["SCHILY.xattr.security.selinux", "label"],
        ],
      },
    ]);
    const seen = listTree(stack.mount());
    expect(seen.get(".")).toMatchObject({ mode: 0o755, mtimeNs: 5_000_000_000n });
    expect(seen.get("tmp")).toMatchObject({ mode: 0o1777, mtimeNs: 1_600_000_000_000_000_000n });
    const file = { kind: "file", mode: 0o4755, owner: "1000:2000", mtimeNs: 1_700_000_000_123_456_789n, holds: "x" };
    expect(seen.get("tmp/su")).toMatchObject(file);
    expect(seen.get("tmp/hard")).toMatchObject(file);
    expect(seen.get("tmp/sym")).toMatchObject({ kind: "symlink", owner: "3:4", mtimeNs: -1_500_000_000n });
    expect(seen.get("null")).toMatchObject({ kind: "charDevice", mode: 0o666, owner: "5:0", holds: "1:3" });
    expect(seen.get("disk")).toMatchObject({ kind: "blockDevice", mode: 0o660, holds: "259:70000" });
    expect(seen.get("pipe")).toMatchObject({ kind: "fifo", mode: 0o600, owner: "0:9" });
    expect(seen.get("ping")?.xattrs).toEqual({
      "security.capability": capability.toString("latin1"),
      "user.note": "n\0\xc3\xbf",
    });
    expect([...applied.droppedXattrs.keys()].sort()).toEqual([
      "security.selinux",
      "trusted.overlay.opaque",
      "user.overlay.opaque",
    ]);
  });

  test("hides what whiteouts name and nothing else, whatever order they come in", () => {
    stack.apply([
      { name: "a/" },
      { name: "a/f", content: "1" },
      { name: "a/g", content: "2" },
      { name: "d/" },
      { name: "d/old" },
      { name: "e/" },
      { name: "e/old" },
    ]);
    stack.apply([
      { name: "a/.wh.f" },
      { name: "a/.wh.never-there" },
      { name: ".wh.never-there" },
      { name: "d/" },
      { name: "d/new" },
      { name: ".wh.d" },
      { name: ".wh.e" },
      { name: "e/" },
      { name: "e/new" },
    ]);
    expect(listKinds(stack.mount())).toEqual([
      "a folder",
      "a/g file",
      "d folder",
      "d/new file",
      "e folder",
      "e/new file",
    ]);
  });

  test("T12.08: a whiteout hides the file of exactly its bytes", () => {
    stack.apply([{ name: Buffer.from([0xff]) }, { name: Buffer.from([0xfe]) }, { name: "\ufffd" }]);
    stack.apply([{ name: Buffer.concat([Buffer.from(".wh."), Buffer.from([0xff])]) }]);
    expect(listKinds(stack.mount())).toEqual(["\xef\xbf\xbd file", "\xfe file"]);
  });

  test("makes folders opaque, before and after their new files, with whiteouts inside", () => {
    stack.apply([
      { name: "a/" },
      { name: "a/old" },
      { name: "b/" },
      { name: "b/old" },
      { name: "b/sub/" },
      { name: "b/sub/old" },
    ]);
    const applied = stack.apply([
      { name: "a/.wh..wh..opq" },
      { name: "a/new" },
      { name: "b/.wh.old" },
      { name: "b/sub/new" },
      { name: "b/sub/.wh.old" },
      { name: "b/.wh..wh..opq" },
    ]);
    expect(applied.opaque.map(String).sort()).toEqual(["a", "b"]);
    expect(listKinds(stack.mount())).toEqual(["a folder", "a/new file", "b folder", "b/sub folder", "b/sub/new file"]);
  });

  test("an opaque root hides all lower layers", () => {
    stack.apply([{ name: "old" }, { name: "dir/" }, { name: "dir/old" }]);
    stack.apply([{ name: ".wh..wh..opq" }, { name: "dir/new" }]);
    stack.apply([{ name: "dir/third" }]);
    expect(listKinds(stack.mount())).toEqual(["dir folder", "dir/new file", "dir/third file"]);
  });

  test("an opaque folder in the middle hides what is below it from later layers too", () => {
    stack.apply([
      { name: "d/s/", mode: 0o711 },
      { name: "d/s/f", content: "old" },
    ]);
    stack.apply([{ name: "d/" }, { name: "d/.wh..wh..opq" }]);
    // If the first layer's folder were still looked at, this would take its mode from there.
    stack.apply([{ name: "d/s/new" }]);
    expect(listTree(stack.mount()).get("d/s")).toMatchObject({ mode: 0o755 });
    expect(codeOf([{ name: "h", type: "1", link: "d/s/f" }])).toBe("INVALID_ARGUMENT");
  });

  test("takes the attributes of folders that only a lower layer has", () => {
    stack.apply([
      { name: "home/", mode: 0o711, uid: 1, gid: 2, mtime: 1000 },
      {
        name: "home/u/",
        mode: 0o2770,
        uid: 1000,
        gid: 100,
        mtime: 2000,
        pax: [["SCHILY.xattr.user.k", "v"]],
      },
    ]);
    stack.apply([{ name: "other" }]);
    stack.apply([{ name: "home/u/f", content: "x" }, { name: "home/v/w/f" }]);
    const seen = listTree(stack.mount());
    expect(seen.get("home")).toMatchObject({ mode: 0o711, owner: "1:2", mtimeNs: 1_000_000_000_000n });
    expect(seen.get("home/u")).toMatchObject({ mode: 0o2770, owner: "1000:100", mtimeNs: 2_000_000_000_000n });
    expect(seen.get("home/u")?.xattrs).toEqual({ "user.k": "v" });
    expect(seen.get("home/v")).toMatchObject({ mode: 0o755, owner: "0:0" });
    expect(seen.get("home/u/f")).toMatchObject({ holds: "x" });
  });

  test("takes the root's own attributes from below when no entry gives any", () => {
    stack.apply([{ name: "./", mode: 0o711, uid: 3, gid: 4, mtime: 77 }]);
    stack.apply([{ name: "f" }]);
    expect(listTree(stack.mount()).get(".")).toMatchObject({ mode: 0o711, owner: "3:4", mtimeNs: 77_000_000_000n });
  });

  test("follows a link on the way wherever it is, as overlayfs shows it", () => {
    stack.apply([
      { name: "usr/" },
      { name: "usr/bin/", mode: 0o750 },
      { name: "usr/bin/sh", content: "sh" },
      { name: "bin", type: "2", link: "usr/bin" },
      { name: "var/" },
      { name: "run/" },
      { name: "var/run", type: "2", link: "/run" },
      { name: "deep/" },
      { name: "deep/up", type: "2", link: "../bin/../bin" },
    ]);
    stack.apply([
      { name: "bin/ls", content: "ls" },
      { name: "var/run/pid", content: "1" },
      { name: "deep/up/cat", content: "cat" },
      { name: "bin/.wh.sh" },
      { name: "sbin", type: "2", link: "usr/bin" },
      { name: "sbin/init", content: "init" },
      { name: "hard", type: "1", link: "sbin/init" },
    ]);
    expect(listKinds(stack.mount())).toEqual([
      "bin symlink",
      "deep folder",
      "deep/up symlink",
      "hard file",
      "run folder",
      "run/pid file",
      "sbin symlink",
      "usr folder",
      "usr/bin folder",
      "usr/bin/cat file",
      "usr/bin/init file",
      "usr/bin/ls file",
      "var folder",
      "var/run symlink",
    ]);
    expect(listTree(stack.mount()).get("usr/bin")).toMatchObject({ mode: 0o750 });
  });

  test("links to files of lower layers, copied up with all they have", () => {
    stack.apply([
      { name: "d/", mode: 0o700 },
      {
        name: "d/f",
        content: "lower".repeat(100_000),
        mode: 0o4711,
        uid: 5,
        gid: 6,
        mtime: 999,
        pax: [["SCHILY.xattr.security.capability", capability]],
      },
      { name: "d/l", type: "2", link: "f", uid: 8 },
      { name: "d/p", type: "6", mode: 0o640 },
      { name: "gone" },
    ]);
    stack.apply([
      { name: "one", type: "1", link: "d/f" },
      { name: "two", type: "1", link: "/d/f" },
      { name: "three", type: "1", link: "d/l" },
      { name: "four", type: "1", link: "./d/p" },
    ]);
    const seen = listTree(stack.mount());
    const file = seen.get("d/f");
    expect(file).toMatchObject({ mode: 0o4711, owner: "5:6", mtimeNs: 999_000_000_000n });
    expect(file?.xattrs["security.capability"]).toBe(capability.toString("latin1"));
    expect(file?.holds).toHaveLength(500_000);
    expect(seen.get("one")).toEqual(file);
    expect(seen.get("two")).toEqual(file);
    expect(seen.get("three")).toMatchObject({ kind: "symlink", holds: "f", owner: "8:0" });
    expect(seen.get("four")).toMatchObject({ kind: "fifo", mode: 0o640 });
    expect(seen.get("d")).toMatchObject({ mode: 0o700 });
  });

  test("a whiteout also takes away what was only copied up for a link", () => {
    stack.apply([{ name: "f", content: "x" }]);
    stack.apply([{ name: "h", type: "1", link: "f" }, { name: ".wh.f" }]);
    expect(listKinds(stack.mount())).toEqual(["h file"]);
    expect(codeOf([{ name: ".wh.h" }, { name: "again", type: "1", link: "h" }])).toBe("INVALID_ARGUMENT");
  });

  test("a later entry replaces an earlier one of its name, and what lower layers have there", () => {
    stack.apply([
      { name: "folder/" },
      { name: "folder/old" },
      { name: "file", content: "old" },
      { name: "link", type: "2", link: "folder" },
      { name: "twice/" },
      { name: "twice/old" },
    ]);
    stack.apply([
      { name: "folder", content: "now a file" },
      { name: "file/" },
      { name: "file/in", content: "x" },
      { name: "link/" },
      { name: "link/in" },
      { name: "twice", content: "first a file" },
      { name: "twice/" },
      { name: "twice/new" },
      { name: "same/" },
      { name: "same/a/" },
      { name: "same/a/b/" },
      { name: "same/a/b/c" },
      { name: "same", type: "2", link: "folder" },
    ]);
    expect(listKinds(stack.mount())).toEqual([
      "file folder",
      "file/in file",
      "folder file",
      "link folder",
      "link/in file",
      "same symlink",
      "twice folder",
      "twice/new file",
    ]);
  });

  test("T2.03: replacing one name of a hard link changes nothing of the others", () => {
    stack.apply([
      { name: "a", content: "first", mode: 0o600 },
      { name: "b", type: "1", link: "a" },
      { name: "b", content: "second", mode: 0o777, uid: 9 },
      { name: "b", type: "1", link: "b" },
    ]);
    const seen = listTree(stack.mount());
    expect(seen.get("a")).toMatchObject({ holds: "first", mode: 0o600, owner: "0:0" });
    expect(seen.get("b")).toMatchObject({ holds: "second", mode: 0o777, owner: "9:0" });
  });

  test("leaves aufs's bookkeeping out", () => {
    stack.apply([{ name: ".wh..wh.aufs" }, { name: ".wh..wh.plnk/" }, { name: ".wh..wh.plnk/1.2" }, { name: "f" }]);
    expect(listKinds(stack.mount())).toEqual(["f file"]);
  });

  test("tells how much it wrote", () => {
    const applied = stack.apply([{ name: "d/" }, { name: "d/f", content: Buffer.alloc(5000) }, { name: "e" }]);
    expect(applied).toMatchObject({ inodes: 4, sizeBytes: 4096 + 8192 });
  });

  test.each<[string, Member[]]>([
    ["..", [{ name: "../x" }]],
    [".. in the middle", [{ name: "a/../../x" }]],
    [".. that stays inside", [{ name: "a/../x" }]],
    [".. as a hard link's target", [{ name: "h", type: "1", link: "../../etc/passwd" }]],
    ["a link that climbs out", [{ name: "l", type: "2", link: "../.." }, { name: "l/x" }]],
    ["a link to a folder outside", [{ name: "l", type: "2", link: "/outside" }, { name: "l/x" }]],
    [
      "a chain of links",
      [
        { name: "a/" },
        { name: "a/l", type: "2", link: "../../b" },
        { name: "b", type: "2", link: ".." },
        { name: "a/l/x" },
      ],
    ],
    ["a circle of links", [{ name: "l", type: "2", link: "m" }, { name: "m", type: "2", link: "l" }, { name: "l/x" }]],
    [
      "a hard link through a link that climbs out",
      [
        { name: "l", type: "2", link: "../" },
        { name: "h", type: "1", link: "l/x" },
      ],
    ],
    ["a hard link to a file that is not there", [{ name: "h", type: "1", link: "/etc/hostname" }]],
    ["a hard link to a folder", [{ name: "d/" }, { name: "h", type: "1", link: "d" }]],
    ["a hard link to the root", [{ name: "h", type: "1", link: "/" }]],
    ["a file as a folder", [{ name: "f" }, { name: "f/x" }]],
    ["a whiteout's own folder", [{ name: ".wh.a/b" }]],
    ["a whiteout of nothing", [{ name: ".wh." }]],
    ["a whiteout of ..", [{ name: ".wh..." }]],
    ["a whiteout that is a link", [{ name: ".wh.x", type: "2", link: "y" }]],
    ["overlayfs's own whiteout", [{ name: "w", type: "3" }]],
    ["a name of 256 bytes", [{ name: "f", pax: [["path", "x".repeat(256)]] }]],
    ["a capability that is none", [{ name: "f", pax: [["SCHILY.xattr.security.capability", "nonsense"]] }]],
  ])("T2.01: refuses %s", (_, members) => {
    expect(codeOf(members)).toBe("INVALID_ARGUMENT");
  });

  test.each<[string, Member]>([
    ["a link", { name: ".", type: "2", link: "/tmp" }],
    ["a file", { name: "./", type: "0", magic: "", size: 0, content: "", pax: [["path", "."]] }],
    ["a hard link", { name: "/", type: "1", link: "x" }],
  ])("T2.02: refuses to make the root %s", (_, member) => {
    expect(codeOf([{ name: "x" }, member])).toBe("INVALID_ARGUMENT");
  });

  test.each<[string, Member[], string[] | "refused"]>([
    [
      "a folder remembered after it became a link",
      [{ name: "a/" }, { name: "a/x" }, { name: "a", type: "2", link: "b" }, { name: "b/" }, { name: "a/y" }],
      ["a symlink", "b folder", "b/y file"],
    ],
    [
      "a link whose target comes later",
      [{ name: "l", type: "2", link: "t" }, { name: "l/x" }, { name: "t/" }],
      "refused",
    ],
    [
      "names that are one to Unicode",
      [{ name: "\u00e9/" }, { name: "e\u0301", type: "2", link: "/etc" }, { name: "\u00e9/x" }],
      ["e\xcc\x81 symlink", "\xc3\xa9 folder", "\xc3\xa9/x file"],
    ],
    [
      "names that differ in case",
      [{ name: "A/" }, { name: "a", type: "2", link: "/etc" }, { name: "A/x" }],
      ["A folder", "A/x file", "a symlink"],
    ],
    ["names of another system", [{ name: "c:..\\x" }, { name: "..\\y" }], ["..\\y file", "c:..\\x file"]],
    [
      "a hard link to a link that leads out",
      [
        { name: "l", type: "2", link: "/etc/passwd" },
        { name: "h", type: "1", link: "l" },
        { name: "h", content: "x" },
      ],
      ["h file", "l symlink"],
    ],
    [
      "a link made over a hard link",
      [{ name: "f" }, { name: "h", type: "1", link: "f" }, { name: "h", type: "2", link: "../.." }, { name: "h/x" }],
      "refused",
    ],
    [
      "a name that only ends in a slash",
      [{ name: "d", type: "2", link: ".." }, { name: "d/", type: "5" }, { name: "d/x" }],
      ["d folder", "d/x file"],
    ],
  ])("T2.06: takes %s for what it is", (_, members, shown) => {
    const code = codeOf(members);
    expect(code).toBe(shown === "refused" ? "INVALID_ARGUMENT" : "applied");
    if (shown !== "refused") expect(listKinds(stack.mount())).toEqual(shown);
  });

  test("T2.06: nothing in the lock file unpacks archives of other people's", () => {
    const lock = readFileSync(new URL("../../../pnpm-lock.yaml", import.meta.url), "utf8");
    const unpackers = ["adm-zip", "decompress", "extract-zip", "jszip", "tar", "tar-fs", "unzipper", "yauzl"];
    for (const name of unpackers) expect(lock).not.toMatch(new RegExp(`^ {2}'?${name}@`, "m"));
  });

  test("T2.08: stops at its limits, and with paths that the kernel does not take", () => {
    const limits = {
      paxBytes: 1000,
      headers: 100,
      contentBytes: 10,
      lookups: 100,
      opaqueFolders: 2,
      opaqueBytes: 20,
    };
    const apply = (members: Member[]) => stack.apply(members, { limits });
    expect(() => apply([{ name: "a", content: "12345678901" }])).toThrow("more than 10 bytes of content");
    const opaque = (...folders: string[]): Member[] => folders.map((folder) => ({ name: `${folder}/.wh..wh..opq` }));
    expect(() => apply(opaque("a", "b", "c"))).toThrow("more than 2 opaque");
    expect(() => apply(opaque("a".repeat(21)))).toThrow("more than 20 bytes of opaque folders' paths");
    expect(apply(opaque("a", "a", "a", "b")).opaque).toHaveLength(2);
    expect(codeOf([{ name: "f", pax: [["path", `${"d/".repeat(256)}f`]] }])).toBe("INVALID_ARGUMENT");
    expect(codeOf([{ name: "l", type: "2", pax: [["linkpath", "x".repeat(4096)]] }])).toBe("INVALID_ARGUMENT");
  });

  test("T2.08: of links that are followed again and again, and of lower files that are linked to, there is a measure", () => {
    const limits = { ...defaultApplyLimits, lookups: 500, contentBytes: 2500 };
    const apply = (members: Member[]) => stack.apply(members, { limits });
    const below: Member[] = [{ name: "d/" }, { name: "d/big", content: Buffer.alloc(1000) }];
    expect(apply(below)).toMatchObject({ inodes: 3, sizeBytes: 8192 });
    const turns: Member[] = [{ name: "a/" }, { name: "l", type: "2", pax: [["linkpath", `${"a/../".repeat(100)}a`]] }];
    expect(() => apply([...turns, ...[1, 2, 3].map((n) => ({ name: `l/${n}` }))])).toThrow("more than 500 steps");
    expect(() => apply(Array.from({ length: 600 }, (_, n) => ({ name: `.wh.${n}` })))).toThrow("more than 500 steps");
    const link = (name: string, target: string): Member => ({ name, type: "1", link: target });
    // the folder d, and the copy of its file
    expect(apply([link("x", "d/big"), link("y", "d/big")])).toMatchObject({ inodes: 3, sizeBytes: 8192 });
    const again = [link("x", "d/big"), link("z", "x"), { name: "f", content: Buffer.alloc(1501) }];
    expect(() => apply(again)).toThrow("more than 2500 bytes of content");
  });

  test("T12.08: attributes keep every byte of their names, also when a lower file is copied", () => {
    const named = { name: "f", pax: [["SCHILY.xattr.user.\xff\xe9", "v"]] } satisfies Member;
    stack.apply([named]);
    stack.apply([{ name: "g", type: "1", link: "f" }]);
    const seen = listTree(stack.mount());
    for (const name of ["f", "g"]) expect(seen.get(name)?.xattrs).toEqual({ "user.\xff\xe9": "v" });
  });

  test("T2.08: makes, copies up and replaces folders of the greatest depth at once", () => {
    const started = performance.now();
    const deep = (name: string): Member => ({ name: "f", pax: [["path", `${"d234567890/".repeat(255)}${name}`]] });
    stack.apply([deep("f")]);
    stack.apply([deep("g"), { name: ".wh.d234567890" }, deep("h"), { name: "l", type: "2", link: "d234567890" }]);
    stack.apply([deep("i"), { name: "d234567890", content: "flat" }]);
    expect(listKinds(stack.mount())).toEqual(["d234567890 file", "l symlink"]);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
