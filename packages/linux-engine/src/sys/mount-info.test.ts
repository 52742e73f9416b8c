import { describe, expect, it } from "vitest";
import { parseMountInfo } from "./mount-info.ts";

describe("parseMountInfo()", () => {
  it("reads every field", () => {
    const line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n";
    expect(parseMountInfo(Buffer.from(line))).toEqual([
      {
        id: 36,
        parentId: 35,
        device: "98:0",
        root: "/mnt1",
        mountPoint: "/mnt2",
        options: ["rw", "noatime"],
        tags: ["master:1", "shared:7"],
        type: "ext3",
        source: "/dev/root",
        superOptions: ["rw", "errors=continue"],
      },
    ]);
  });

  it("reads a namespace, no tags, and an empty source", () => {
    const [mount] = parseMountInfo(Buffer.from("9 1 0:4 net:[4026532201] /run/netns/a rw - nsfs nsfs rw\n"));
    expect(mount).toMatchObject({ root: "net:[4026532201]", type: "nsfs", tags: [] });
    expect(parseMountInfo(Buffer.from("9 1 0:4 / /x rw - tmpfs  rw\n"))[0]?.source).toBe("");
  });

  it("undoes the octal escapes and keeps bytes that are UTF-8", () => {
    const line = Buffer.from("9 1 0:4 / /a\\040b\\011c\\134d\\012\u00e9 rw - tmpfs a\\040- rw\n");
    expect(parseMountInfo(line)[0]).toMatchObject({ mountPoint: "/a b\tc\\d\n\u00e9", source: "a -" });
  });

  it("refuses what is no line of it", () => {
    expect(() => parseMountInfo(Buffer.from("hello world\n"))).toThrow(/parse mountinfo/);
  });
});
