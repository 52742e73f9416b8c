import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CriConnection } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containerConfig, podConfig } from "../src/pod/pod-config.ts";
import { type FakeNode, startFakeNode } from "./harness/fake-node.ts";
import { keelson } from "./harness/keelson.ts";

async function makePod(cri: CriConnection, name: string, node: FakeNode): Promise<{ pod: string; container: string }> {
  const { imageRef } = await cri.images.pullImage({ image: { image: "busybox" } });
  const sandboxConfig = podConfig({
    name,
    uid: randomUUID(),
    logDirectory: join(node.folder, name),
    hostNetwork: false,
  });
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig });
  const config = containerConfig({ name: "app", image: "busybox", imageRef, command: [], hostNetwork: false });
  const { containerId } = await cri.runtime.createContainer({ podSandboxId, config, sandboxConfig });
  await cri.runtime.startContainer({ containerId });
  return { pod: podSandboxId, container: containerId };
}

describe("keelson's endpoint", { timeout: 30_000 }, () => {
  let node: FakeNode;
  beforeAll(async () => {
    node = await startFakeNode();
  });
  afterAll(() => node[Symbol.asyncDispose]());
  const version = (endpoint: string): string => `runtime    keelson 0.0.0\nCRI        v1\nendpoint   ${endpoint}\n`;

  it("comes from CONTAINER_RUNTIME_ENDPOINT", async () => {
    const { code, stdout, stderr } = await node.keelson("version");
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: version(node.endpoint), stderr: "" });
  });

  it("comes from --endpoint before or after the command, which wins over the variable", async () => {
    const env = { CONTAINER_RUNTIME_ENDPOINT: "unix:///nowhere" };
    for (const args of [
      ["--endpoint", node.endpoint, "version"],
      ["version", "--endpoint", node.endpoint],
    ]) {
      expect(await keelson(args, { env })).toMatchObject({ code: 0, stdout: version(node.endpoint), stderr: "" });
    }
  });

  it("is told with a remedy when nothing listens there", async () => {
    const endpoint = `unix://${join(node.folder, "none.sock")}`;
    const { code, stdout, stderr } = await keelson(["pods", "--endpoint", endpoint]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`connect to ${endpoint}: nothing listens there (ENOENT)\n  → start the runtime`);
  });

  it("is told with a remedy when it is none", async () => {
    const { code, stderr } = await keelson(["ps", "--endpoint", "http://keelsond.sock"]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      'keelson: parse endpoint "http://keelsond.sock": no client of CRI can dial "http"\n  → write it as unix:///PATH\n',
    );
  });

  it("is told with a remedy when no runtime answers there", async () => {
    const path = join(tmpdir(), `keelson-${randomUUID()}.sock`);
    const server = net.createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")).listen(path);
    await once(server, "listening");
    try {
      const { code, stderr } = await keelson(["version", "--endpoint", path]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^keelson: .*RuntimeService\/Version at unix:\/\/.*\n {2}→ .+\n$/);
    } finally {
      server.close();
      await rm(path, { force: true });
    }
  });

  it("may be a runtime that only speaks v1alpha2", async () => {
    await using old = await startFakeNode({}, { versions: ["v1alpha2"] });
    const { stdout } = await old.keelson("version");
    expect(stdout).toContain("CRI        v1alpha2\n");
  });
});

describe("keelson's lists", { timeout: 30_000 }, () => {
  it("show pods, containers and images, the newest first", async () => {
    await using node = await startFakeNode();
    await using cri = await node.connect();
    const first = await makePod(cri, "first", node);
    const second = await makePod(cri, "second", node);
    await cri.runtime.stopPodSandbox({ podSandboxId: first.pod });
    const short = (id: string): string => id.slice(0, 13);

    const pods = await node.keelson("pods");
    expect(
      pods.stdout
        .replaceAll(/\b\d+s\b/g, "0s")
        .replaceAll(/ +/g, " ")
        .split("\n"),
    ).toEqual([
      "POD AGE STATE NAMESPACE NAME ATTEMPT",
      `${short(second.pod)} 0s ready keelson second 0`,
      `${short(first.pod)} 0s not ready keelson first 0`,
      "",
    ]);
    const ps = await node.keelson("ps");
    expect(
      ps.stdout
        .replaceAll(/\b\d+s\b/g, "0s")
        .replaceAll(/ +/g, " ")
        .split("\n"),
    ).toEqual([
      "CONTAINER AGE STATE NAME ATTEMPT POD IMAGE",
      `${short(second.container)} 0s running app 0 ${short(second.pod)} busybox`,
      `${short(first.container)} 0s exited app 0 ${short(first.pod)} busybox`,
      "",
    ]);
    expect((await node.keelson("pods", "-q")).stdout).toBe(`${second.pod}\n${first.pod}\n`);
    expect((await node.keelson("ps", "--quiet")).stdout).toBe(`${second.container}\n${first.container}\n`);
    expect((await node.keelson("images")).stdout).toMatch(
      /^IMAGE {30}ID {14}SIZE\ndocker\.io\/library\/busybox:latest {3}[0-9a-f]{13} {3}[\d.]+ MB\n$/,
    );
  });

  it("print their headings alone, or nothing but IDs, when there is nothing", async () => {
    await using node = await startFakeNode();
    expect((await node.keelson("pods")).stdout).toBe("POD   AGE   STATE   NAMESPACE   NAME   ATTEMPT\n");
    expect((await node.keelson("pods", "-q")).stdout).toBe("");
  });
});

describe("keelson pull and rmi", { timeout: 30_000 }, () => {
  it("fetch an image, telling how long it took, and remove it", async () => {
    await using node = await startFakeNode();
    const pull = await node.keelson("pull", "busybox");
    expect(pull).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\S+\n$/) });
    expect(pull.stderr).toMatch(/^pull busybox: [\d.]+ m?s\n$/);
    expect(await node.keelson("rmi", "busybox")).toMatchObject({ code: 0, stdout: "removed busybox\n", stderr: "" });
    expect((await node.keelson("images")).stdout).toBe("IMAGE   ID   SIZE\n");
  });

  it("say what to do about an image that does not exist, and one that is not there", async () => {
    await using node = await startFakeNode();
    const pull = await node.keelson("pull", "nosuch");
    expect(pull).toMatchObject({ code: 1, stdout: "" });
    expect(pull.stderr).toMatch(
      /^pull nosuch: failed after [\d.]+ m?s\nkeelson: pull "docker\.io\/library\/nosuch:latest": /,
    );
    await node.keelson("pull", "busybox");
    const rmi = await node.keelson("rmi", "busybox", "nosuch");
    expect(rmi).toMatchObject({ code: 1, stdout: "" });
    expect(rmi.stderr).toBe(
      'keelson: remove image "nosuch": it is not on this node\n  → keelson images shows what is\n',
    );
    expect((await node.keelson("images")).stdout).toContain("busybox");
  });

  it("T1.10 never repeat a URL that was given for an image's name", async () => {
    await using node = await startFakeNode();
    for (const command of ["pull", "run"]) {
      const { code, stdout, stderr } = await node.keelson(command, "https://joe:s3cret@registry.example/x?sig=s1gned");
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toContain("  → write it without the scheme");
      expect(stderr).not.toMatch(/s3cret|s1gned/);
    }
  });
});

describe("keelson rm", { timeout: 30_000 }, () => {
  it("removes pods with what is in them, and containers, by the start of an ID", async () => {
    await using node = await startFakeNode();
    await using cri = await node.connect();
    const first = await makePod(cri, "first", node);
    const second = await makePod(cri, "second", node);
    const { code, stdout } = await node.keelson("rm", first.pod, second.container.slice(0, 20));
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `removed pod ${first.pod}\nremoved container ${second.container}\n`,
    });
    expect((await cri.runtime.listPodSandbox({})).items.map((pod) => pod.id)).toEqual([second.pod]);
    expect((await cri.runtime.listContainers({})).containers).toEqual([]);
  });

  it("removes nothing when an ID is unknown, unclear or empty", async () => {
    await using node = await startFakeNode();
    await using cri = await node.connect();
    const made: { pod: string; container: string }[] = [];
    // one more than there are hexadecimal digits: two begin alike
    for (let count = 0; count < 9; count++) made.push(await makePod(cri, `pod-${count}`, node));
    const digits = made.flatMap(({ pod, container }) => [pod.slice(0, 1), container.slice(0, 1)]);
    const twice = digits.find((digit, index) => digits.indexOf(digit) !== index) ?? "";
    const cases = [
      ["nosuch", /"nosuch": no pod and no container has this ID\n {2}→ keelson pods and keelson ps/],
      ["", /"": no pod and no container has this ID/],
      [twice, /\d pods and containers have IDs that begin so\n {2}→ write more of the ID/],
    ] as const;
    for (const [id, message] of cases) {
      const { code, stdout, stderr } = await node.keelson("rm", made[0]?.pod ?? "", id);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(message);
    }
    expect((await cri.runtime.listPodSandbox({})).items).toHaveLength(9);
  });
});

describe("keelson's command line", { timeout: 30_000 }, () => {
  it.each([
    [["frob"], "keelson: unknown command 'frob'\n  → keelson --help lists the commands\n"],
    [["run", "busybox", "-c"], "keelson: unknown option '-c'\n  → keelson run IMAGE -- COMMAND… is the form\n"],
    [["rm"], "keelson: missing required argument 'id'\n  → keelson --help lists the commands\n"],
  ])("says what is wrong with %j", async (args, text) => {
    expect(await keelson(args)).toMatchObject({ code: 1, stdout: "", stderr: text });
  });

  it("explains itself", async () => {
    const { code, stdout } = await keelson(["--help"]);
    expect(code).toBe(0);
    for (const command of ["run", "version", "pods", "ps", "pull", "images", "rmi", "rm", "demo"]) {
      expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    }
  });
});
