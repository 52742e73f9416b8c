import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeNode, startFakeNode } from "./harness/fake-node.ts";
import { keelson } from "./harness/keelson.ts";

const image = "docker.io/library/busybox:latest";

describe("keelson conformance", { timeout: 60_000 }, () => {
  let node: FakeNode;
  beforeAll(async () => {
    node = await startFakeNode();
  });
  afterAll(() => node[Symbol.asyncDispose]());

  it("prints a table of an area's cases, and their counts", async () => {
    const { code, stdout, stderr } = await node.keelson("conformance", "--image", image, "--only", "identifiers");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("ok         identifiers/the IDs of sandboxes and containers are 64 hexadecimal digits\n");
    expect(stdout).toMatch(/\nkeelson-fake 0\.0\.0: \d+ passed, 0 failed, 0 known to fail, 0 skipped in \d+\.\d s\n$/);
  });

  it("prints TAP and writes JUnit's XML", async () => {
    const junit = join(node.folder, "junit.xml");
    const args = ["--image", image, "--tap", "--junit", junit, "--only", "errors/PodSandboxStatus"];
    const { code, stdout } = await node.keelson("conformance", ...args);
    const name = "PodSandboxStatus of a sandbox that is not there is NotFound";
    expect({ code, stdout }).toEqual({ code: 0, stdout: `TAP version 14\n1..1\nok 1 - errors/${name}\n` });
    expect(await readFile(junit, "utf8")).toContain(`<testcase classname="errors" name="${name}"`);
  });

  it("lists cases without a runtime, and refuses words that name none", async () => {
    const { code, stdout } = await keelson(["conformance", "--list", "--only", "restart"]);
    expect(code).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .every((line) => line.startsWith("restart/")),
    ).toBe(true);
    const none = await keelson(["conformance", "--only", "no such case"]);
    expect(none).toMatchObject({ code: 1, stdout: "" });
    expect(none.stderr).toContain('select cases "no such case": there are none\n  → keelson conformance --list');
  });

  it("fails when the runtime has no busybox of that name", async () => {
    const { code, stderr } = await node.keelson("conformance", "--only", "identifiers", "--image", "none.test/none:1");
    expect(code).toBe(1);
    expect(stderr).toContain("none.test/none:1");
  });
});
