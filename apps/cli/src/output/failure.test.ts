import { CriError, notFound, registryUnavailable, unavailable } from "@keelson/cri-api/errors";
import { describe, expect, it } from "vitest";
import { failure } from "./failure.ts";

describe("failure()", () => {
  it("tells the cause and the remedy, a line each", async () => {
    const error = notFound('find image "x": it is not there', { hint: "pull it first" });
    expect(await failure(error)).toBe('keelson: find image "x": it is not there\n  → pull it first');
  });

  it("knows a remedy where the error has none, unless the runtime has sent its own", async () => {
    expect(await failure(unavailable("stop pod x: broken pipe"))).toMatch(/\n {2}→ the runtime may be about to start/);
    expect(await failure(unavailable("stop pod x: broken pipe (stop it again)"))).toBe(
      "keelson: stop pod x: broken pipe (stop it again)",
    );
    expect(await failure(registryUnavailable("fetch x: refused"))).toMatch(
      /^keelson: RegistryUnavailable: fetch x: refused\n {2}→ check the registry's name/,
    );
  });

  it("tells the causes of what is no category", async () => {
    const cause = notFound("remove pod x: gone", { hint: "look again" });
    expect(await failure(new Error("clean up the pod", { cause }))).toBe(
      "keelson: clean up the pod: remove pod x: gone\n  → look again",
    );
    expect(await failure("just text")).toBe("keelson: just text");
  });

  it("tells every error of several, the first one first", async () => {
    const clean = new AggregateError([new Error("two"), new Error("three")], "several");
    expect(await failure(new SuppressedError(clean, new Error("one")))).toBe(
      "keelson: one\nkeelson: two\nkeelson: three",
    );
  });

  it("T1.10 shows no password and no signature, whatever runtime has sent them", async () => {
    const sent =
      "get https://joe:s3cret@registry.example/v2/x?X-Signature=s1gned: refused\nAuthorization: Bearer abcdefghijklmnop";
    const text = await failure(new CriError("UNKNOWN", sent, { hint: "see https://u:s3cret@x/" }));
    expect(text).toContain("registry.example/v2/x");
    expect(text).not.toMatch(/s3cret|s1gned|abcdefghijklmnop/);
  });

  it("shows control characters, and lets no foreign line look like one of its own", async () => {
    expect(await failure(new CriError("INTERNAL", "a\u001b[2Jb\nkeelson: c\r\n", { hint: "d" }))).toBe(
      "keelson: a\\x1b[2Jb\n    keelson: c\n  → d",
    );
  });
});
