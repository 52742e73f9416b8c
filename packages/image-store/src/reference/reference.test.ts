import { isCriError } from "@keelson/cri-api/errors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { familiarName, formatReference, parseDigest, parseReference, storedName, withDefaultTag } from "./index.ts";

const hex = "0123456789abcdef".repeat(4);
const digest = `sha256:${hex}`;

const refusal = (text: string): unknown => {
  try {
    return parseReference(text);
  } catch (error) {
    return error;
  }
};

describe("parseReference()", () => {
  it.each([
    ["busybox", "docker.io/library/busybox", "busybox"],
    ["busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"],
    ["library/busybox", "docker.io/library/busybox", "busybox"],
    ["docker.io/busybox", "docker.io/library/busybox", "busybox"],
    ["index.docker.io/busybox", "docker.io/library/busybox", "busybox"],
    ["index.docker.io/library/a:b", "docker.io/library/a:b", "a:b"],
    ["team/app", "docker.io/team/app", "team/app"],
    ["localhost/app", "localhost/app", "localhost/app"],
    ["localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"],
    ["localhost:5000/app:v1", "localhost:5000/app:v1", "localhost:5000/app:v1"],
    ["127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c"],
    ["[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"],
    ["[2001:db8::1]/app:x", "[2001:db8::1]/app:x", "[2001:db8::1]/app:x"],
    ["registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"],
    ["Registry/app", "Registry/app", "Registry/app"],
    ["xn--n3h.com/app", "xn--n3h.com/app", "xn--n3h.com/app"],
    ["a__b/c.d-e---f:_x.Y-1", "docker.io/a__b/c.d-e---f:_x.Y-1", "a__b/c.d-e---f:_x.Y-1"],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`, `busybox@${digest}`],
    [`r.io/a:1@${digest}`, `r.io/a:1@${digest}`, `r.io/a:1@${digest}`],
    [`a:${"t".repeat(128)}`, `docker.io/library/a:${"t".repeat(128)}`, `a:${"t".repeat(128)}`],
    [`r.io/${"p".repeat(255)}`, `r.io/${"p".repeat(255)}`, `r.io/${"p".repeat(255)}`],
    ["docker.io/localhost/app", "docker.io/localhost/app", "docker.io/localhost/app"],
    [`${hex}1`, `docker.io/library/${hex}1`, `${hex}1`],
    [`docker.io/library/${hex}`, `docker.io/library/${hex}`, `docker.io/library/${hex}`],
  ])("reads %s", (text, whole, familiar) => {
    const reference = parseReference(text);
    expect(formatReference(reference)).toBe(whole);
    expect(familiarName(reference)).toBe(familiar);
    expect(parseReference(whole)).toEqual(reference);
  });

  it.each([
    ["", "empty"],
    [hex, "image ID"],
    ["Busybox", "lower case"],
    ["r.io/App", "lower case"],
    [":1", "not valid"],
    ["a:", "the tag"],
    ["a:-x", "the tag"],
    ["a:.x", "the tag"],
    [`a:${"t".repeat(129)}`, "the tag"],
    ["a:b:c", "not valid"],
    ["a//b", "not valid"],
    ["/a", "not valid"],
    ["a/", "not valid"],
    ["r.io/", "not valid"],
    ["-a/b", "not valid"],
    ["a..b", "not valid"],
    ["a._b", "not valid"],
    ["a___b", "not valid"],
    ["a-_b", "not valid"],
    ["a.", "not valid"],
    ["_a", "not valid"],
    ["../../etc/passwd", "not a registry host"],
    ["r.io/../x", "not valid"],
    ["r.io/a/./b", "not valid"],
    ["r..io/a", "not a registry host"],
    ["-r.io/a", "not a registry host"],
    ["r.io:/a", "not a registry host"],
    ["r.io:0/a", "not a registry host"],
    ["r.io:65536/a", "not a registry host"],
    ["r.io:5x/a", "not a registry host"],
    ["[::1/a", "not a registry host"],
    ["[]:1/a", "not a registry host"],
    ["[fe80::1%eth0]/a", "not a registry host"],
    ["user:pw@r.io/a", "parse digest"],
    ["http://r.io/a", "not a registry host"],
    ["a b", "not valid"],
    [" a", "not valid"],
    ["a\r\nHost: x", "the tag"],
    ["r.io/a\r\nx", "not valid"],
    ["a\0", "not valid"],
    ["r\u0130.io/a", "not a registry host"],
    ["r\u3002io/a", "not valid"],
    ["\u212aernel/a", "not a registry host"],
    ["p\u00e9/a", "not valid"],
    [`r.io/${"p".repeat(256)}`, "longer than 255"],
    [`${"r".repeat(255)}.io/a`, "longer than 255"],
    ["a@", "parse digest"],
    ["a@sha256:", "parse digest"],
    [`a@sha512:${hex}${hex}`, "parse digest"],
    [`a@${digest}@${digest}`, "parse digest"],
  ])("refuses %j", (text, why) => {
    const error = refusal(text);
    expect(isCriError(error, "INVALID_ARGUMENT")).toBe(true);
    expect((error as Error).message).toContain(why);
  });

  it("T12.02 refuses a 10 MiB name at once and shows little of it", () => {
    const error = refusal("a".repeat(10 * 2 ** 20));
    expect(isCriError(error, "INVALID_ARGUMENT")).toBe(true);
    expect((error as Error).message.length).toBeLessThan(300);
  });

  it("never throws anything but INVALID_ARGUMENT, and what it takes it takes again", () => {
    const alphabet = fc.constantFrom(..."aZ09._-/:@[]% \0\r\n\u00e9", "sha256:", digest, "docker.io", "localhost");
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 40 }), (parts) => {
        const parsed = refusal(parts.join(""));
        if (parsed instanceof Error) return isCriError(parsed, "INVALID_ARGUMENT");
        const reference = parsed as ReturnType<typeof parseReference>;
        expect(parseReference(formatReference(reference))).toEqual(reference);
        expect(parseReference(familiarName(reference))).toEqual(reference);
        return true;
      }),
      { numRuns: 2000 },
    );
  });
});

describe("storedName()", () => {
  it.each([
    ["busybox", "docker.io/library/busybox:latest"],
    ["busybox:1", "docker.io/library/busybox:1"],
    [`busybox:1@${digest}`, `docker.io/library/busybox@${digest}`],
  ])("of %s is %s", (text, name) => {
    expect(storedName(parseReference(text))).toBe(name);
  });

  it("adds latest only where nothing was given", () => {
    expect(withDefaultTag(parseReference("a")).tag).toBe("latest");
    expect(withDefaultTag(parseReference(`a@${digest}`)).tag).toBeUndefined();
  });
});

describe("parseDigest()", () => {
  it.each([
    "sha256:../../x",
    digest.toUpperCase(),
    `sha256:${hex.toUpperCase()}`,
    `sha256:${hex.slice(1)}`,
    `sha256:${hex}0`,
    `${digest}\n`,
    ` ${digest}`,
    `sha256:${"\u0660".repeat(64)}`,
    `__proto__:${hex}`,
    "__proto__:a",
    `md5:${hex}`,
    hex,
    "",
  ])("T1.05 refuses %j", (text) => {
    expect(() => parseDigest(text)).toThrow(/want "sha256:" and 64 lower-case hex digits/);
  });

  it("takes 64 lower-case hex digits", () => {
    expect(parseDigest(digest)).toBe(digest);
  });
});
