import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { startFakeRuntime } from "../apps/fake-runtime/src/index.ts";
import { readmeExample, readmeExamples } from "./readme-example.ts";

const folder = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** Runs an example as a file of the package, and returns what it prints. */
async function run(name: string, code: string): Promise<string> {
  const args = ["--input-type=module-typescript", "--eval", code];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: folder(name), timeout: 20_000 });
  expect(stderr).toBe("");
  return stdout;
}

const example = async (name: string): Promise<string> =>
  readmeExample(await readFile(folder(`${name}/README.md`), "utf8"));

describe("the example of a README runs and says what it should", () => {
  test("packages/cri-api", async () => {
    const printed = await run("packages/cri-api", await example("packages/cri-api"));
    expect(printed).toContain("path: '/run/containerd/containerd.sock'");
    expect(printed.split("\n").slice(-3)).toEqual([
      'true find container "web": there is none (list the containers)',
      "hello 1",
      "",
    ]);
  });

  test("packages/cri-client", async () => {
    await using fake = await startFakeRuntime();
    const code = await example("packages/cri-client");
    const socket = "unix:///run/containerd/containerd.sock";
    expect(code).toContain(socket);
    expect(code.trimEnd().split("\n").length).toBeLessThanOrEqual(13);
    const printed = await run("packages/cri-client", code.replace(socket, fake.endpoint));
    expect(printed).toMatch(/^keelson \S+ speaks CRI v1\nthere is no such container\n$/);
  });

  test("apps/fake-runtime", async () => {
    const printed = await run("apps/fake-runtime", await example("apps/fake-runtime"));
    expect(printed).toContain("runtimeName: 'keelson'");
  });

  test("packages/lifecycle", async () => {
    expect(await run("packages/lifecycle", await example("packages/lifecycle"))).toBe("first\nsecond\nlast\n");
  });
});

describe("readmeExamples()", () => {
  test("finds TypeScript alone, in order", () => {
    expect(readmeExamples("text\n```ts\none();\n```\n```sh\nno\n```\n```ts\ntwo();\n```\n")).toEqual([
      "one();\n",
      "two();\n",
    ]);
  });

  test("refuses a page without one", () => {
    expect(() => readmeExamples("```sh\nls\n```\n")).toThrow("no example");
  });
});
