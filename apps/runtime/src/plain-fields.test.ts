import { notFound } from "@keelson/cri-api/errors";
import { describe, expect, it } from "vitest";
import { plainFields } from "./plain-fields.ts";

const secret = "https://user:hunter2@registry.example/v2/?token=hunter2";

describe("plainFields()", () => {
  it("takes secrets out of texts, errors, their causes, and whatever stands in lists and objects", () => {
    const written = JSON.stringify(
      plainFields({
        text: secret,
        list: [secret, { deep: [secret] }],
        field: { [secret]: secret },
        error: notFound(`pull ${secret}`, { cause: new Error(secret) }),
      }),
    );
    expect(written).not.toContain("hunter2");
    expect(written.match(/registry\.example/g)?.length).toBeGreaterThanOrEqual(7);
  });

  it("shows a category and its remedy instead of a stack", () => {
    const error = notFound("find image", { hint: "pull it first", cause: new TypeError("why") });
    expect(plainFields({ error })).toEqual({
      error: {
        message: "find image",
        code: "NOT_FOUND",
        hint: "pull it first",
        cause: { message: "why", stack: expect.stringContaining("TypeError: why") },
      },
    });
  });

  it("ends where something holds itself", () => {
    const loop: Record<string, unknown> = { tookMs: 3, size: 2n ** 63n };
    loop.loop = loop;
    expect(JSON.stringify(plainFields({ loop }))).toContain('"9223372036854775808"');
  });
});
