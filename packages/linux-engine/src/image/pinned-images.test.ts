import { describe, expect, it } from "vitest";
import { pinnedImages } from "./pinned-images.ts";

const digest = `sha256:${"a".repeat(64)}`;
const image = (...names: readonly string[]) => ({
  repoTags: names.filter((name) => !name.includes("@")),
  repoDigests: names.filter((name) => name.includes("@")),
});

describe("pinnedImages()", () => {
  it("knows an image by any of its names, written as in a pull", () => {
    const isPinned = pinnedImages(["busybox", `r.example/a@${digest}`]);
    expect(isPinned(image("r.example/x:1", "docker.io/library/busybox:latest"))).toBe(true);
    expect(isPinned(image(`r.example/a@${digest}`))).toBe(true);
    expect(isPinned(image("docker.io/library/busybox:1", `r.example/b@${digest}`))).toBe(false);
    expect(pinnedImages([])(image("docker.io/library/busybox:latest"))).toBe(false);
  });

  it("takes the beginning of names", () => {
    const isPinned = pinnedImages(["registry.k8s.io/pause:*"]);
    expect(isPinned(image("registry.k8s.io/pause:3.10"))).toBe(true);
    expect(isPinned(image("registry.k8s.io/pause-other:3.10"))).toBe(false);
  });

  it.each(["*", "a*b", "a**", "Upper Case", ""])("refuses %j", (pattern) => {
    expect(() => pinnedImages([pattern])).toThrow(/pinned image|reference/);
  });
});
