import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { LinuxContainerSecurityContextSchema, SupplementalGroupsPolicy } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { resolveUser } from "./users.ts";

const passwd = `root:x:0:0:root:/root:/bin/sh
# a comment
broken line
web:x:1000:100:Web:/srv/web:/bin/sh
1234:x:0:0:trap:/trap:/bin/sh
1e3:x:1003:1003::/e:/bin/sh
huge:x:4294967296:1::/h:/bin/sh
`;
const group = `root:x:0:
web:x:100:
wheel:x:10:root,web
audio:x:29:web
other:x:77:webx,xweb
5555:x:0:web
`;

type Context = MessageInitShape<typeof LinuxContainerSecurityContextSchema>;
function resolve(
  context: Context,
  imageUser?: string,
  files: { passwd?: string | Buffer | undefined; group?: string | Buffer | undefined } = {},
) {
  const texts: Record<string, string | Buffer | undefined> = {
    "/etc/passwd": "passwd" in files ? files.passwd : passwd,
    "/etc/group": "group" in files ? files.group : group,
  };
  return resolveUser({
    context: create(LinuxContainerSecurityContextSchema, context),
    imageUser,
    readFile: async (path) => {
      const text = texts[path];
      return text === undefined ? undefined : Buffer.from(text);
    },
  });
}
const id = (value: bigint) => ({ value });
const Strict = SupplementalGroupsPolicy.Strict;

describe("resolveUser()", () => {
  it.each([
    { context: {}, image: "", want: { uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" } },
    { context: {}, image: "web", want: { uid: 1000, gid: 100, additionalGids: [0, 10, 29, 100], home: "/srv/web" } },
    { context: {}, image: "web:audio", want: { uid: 1000, gid: 29, additionalGids: [0, 10, 29], home: "/srv/web" } },
    { context: {}, image: "web:7", want: { uid: 1000, gid: 7, additionalGids: [0, 7, 10, 29], home: "/srv/web" } },
    { context: {}, image: "42", want: { uid: 42, gid: 0, additionalGids: [0], home: undefined } },
    { context: {}, image: "42:43", want: { uid: 42, gid: 43, additionalGids: [43], home: undefined } },
    {
      context: { runAsUser: id(1000n) },
      image: "root",
      want: { uid: 1000, gid: 100, additionalGids: [0, 10, 29, 100], home: "/srv/web" },
    },
    {
      context: { runAsUser: id(5n), runAsGroup: id(6n), supplementalGroups: [9n, 8n, 9n] },
      image: "web",
      want: { uid: 5, gid: 6, additionalGids: [6, 8, 9], home: undefined },
    },
    {
      context: { runAsUsername: "web", runAsGroup: id(0n) },
      image: "",
      want: { uid: 1000, gid: 0, additionalGids: [0, 10, 29], home: "/srv/web" },
    },
  ])("makes $want of $context and image user $image", async ({ context, image, want }) => {
    expect(await resolve(context, image)).toEqual(want);
  });

  it("T5.03 leaves the image's groups out with Strict, and always has the primary one", async () => {
    const merged = await resolve({ runAsUser: id(1000n), supplementalGroups: [5000n] });
    expect(merged.additionalGids).toEqual([0, 10, 29, 100, 5000]);
    const strict = await resolve({
      runAsUser: id(1000n),
      supplementalGroups: [5000n],
      supplementalGroupsPolicy: Strict,
    });
    expect(strict.additionalGids).toEqual([100, 5000]);
  });

  it.each(["2147483648", "4294967296", "99999999999999999999", "01", "00", "1000:2147483648"])(
    "T5.01 refuses %s of an image instead of looking it up",
    async (user) => {
      await expect(resolve({}, user)).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    },
  );

  it("T5.01 takes digits for a number even where passwd and group have such names", async () => {
    expect(await resolve({}, "1234:5555")).toMatchObject({ uid: 1234, gid: 5555, home: undefined });
    expect(await resolve({ runAsUsername: "1234" })).toMatchObject({ uid: 1234, gid: 0 });
    expect(await resolve({}, "2147483647")).toMatchObject({ uid: 2147483647 });
    expect(await resolve({}, "1e3")).toMatchObject({ uid: 1003, gid: 1003 });
    await expect(resolve({}, "huge")).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
  });

  it.each([-1n, 2n ** 31n, 2n ** 32n, 2n ** 63n - 1n])("T5.01 refuses %s of a request", async (value) => {
    const rejected = { code: "INVALID_ARGUMENT" };
    await expect(resolve({ runAsUser: id(value) })).rejects.toMatchObject(rejected);
    await expect(resolve({ runAsUser: id(1n), runAsGroup: id(value) })).rejects.toMatchObject(rejected);
    await expect(resolve({ supplementalGroups: [value] })).rejects.toMatchObject(rejected);
  });

  it("refuses a group without a user, and users that do not exist", async () => {
    await expect(resolve({ runAsGroup: id(1n) })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(resolve({ runAsUsername: "nobody" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(resolve({ runAsUsername: "web:0" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(resolve({}, "nobody")).rejects.toThrow('find user "nobody"');
    await expect(resolve({}, "web:nogroup")).rejects.toThrow('find group "nogroup"');
    await expect(resolve({}, "a:b:c")).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    await expect(resolve({}, "web", { passwd: undefined })).rejects.toThrow("/etc/passwd");
  });

  it("needs no files for numbers", async () => {
    const files = { passwd: undefined, group: undefined };
    expect(await resolve({}, "", files)).toEqual({ uid: 0, gid: 0, additionalGids: [0], home: undefined });
  });

  it("T5.02 refuses a line of more than 4 KiB and a user in more than 65,536 groups", async () => {
    await expect(resolve({}, "web", { passwd: `${"x".repeat(5000)}\n${passwd}` })).rejects.toThrow("longer than 4096");
    const crowd = Array.from({ length: 65_540 }, (_, gid) => `g${gid}:x:${gid + 1}:web`).join("\n");
    await expect(resolve({}, "web", { group: crowd })).rejects.toThrow("65536 groups");
  });

  it("T5.05 refuses a home with control characters", async () => {
    await expect(resolve({}, "a", { passwd: "a:x:1:1::/h\rb:/bin/sh\n" })).rejects.toThrow("control characters");
    await expect(resolve({}, "a", { passwd: Buffer.from("a:x:1:1::/\xff:/bin/sh\n", "latin1") })).rejects.toThrow(
      "UTF-8",
    );
    expect(await resolve({}, "a", { passwd: "a:x:1:1::\n" })).toMatchObject({ home: "/" });
  });

  it("T12.08 compares names byte by byte", async () => {
    const file = Buffer.from("\xff:x:7:7::/:\n\xc3\xbc:x:8:8::/:\n", "latin1");
    expect(await resolve({}, "ü", { passwd: file })).toMatchObject({ uid: 8 });
    await expect(resolve({}, "\ufffd", { passwd: file })).rejects.toThrow("is not in the image's /etc/passwd");
  });
});
