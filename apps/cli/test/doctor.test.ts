import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { CriVersion } from "@keelson/cri-api/versions";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { doctor } from "../src/commands/doctor.ts";
import { keelsondCommand } from "../src/demo/keelsond-command.ts";
import { startProgram } from "../src/demo/start-program.ts";
import type { DoctorReport, EndpointReport } from "../src/doctor/report.ts";
import { exitCodes } from "../src/doctor/verdict.ts";
import { type CriProxyOptions, startCriProxy } from "./harness/cri-proxy.ts";
import { type Diagnosis, diagnose, fate } from "./harness/diagnose.ts";
import { type FakeNode, startFakeNode } from "./harness/fake-node.ts";
import { keelson, repository, until } from "./harness/keelson.ts";

const answers = (service: EndpointReport["services"]["runtime"]): string =>
  `${service.v1.answer}/${service.v1alpha2.answer}`;

describe("keelson doctor", { timeout: 30_000 }, () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keelson-doctor-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it.each<[readonly CriVersion[], string, string, number]>([
    [["v1", "v1alpha2"], "v1alpha2/v1alpha2 ready", "v1/v1 ready", 0],
    [["v1"], "v1alpha2/v1alpha2 exits", "v1/v1 ready", 0],
    [["v1alpha2"], "v1alpha2/v1alpha2 ready", "null/null exits", 4],
  ])("at a fake runtime of %j", async (versions, oldest, newest, exitCode) => {
    await using fake = await startFakeNode({}, { versions });
    const diagnosis = await diagnose(fake.endpoint);
    expect(answers(diagnosis.services.runtime)).toBe(answers(diagnosis.services.image));
    expect([fate(diagnosis, "1.22"), fate(diagnosis, "1.37"), diagnosis.exitCode]).toEqual([oldest, newest, exitCode]);
    expect(diagnosis.runtime?.name).toBe("keelson");
    expect(diagnosis.unanswered).toEqual([]);
    expect(diagnosis.methods["RuntimeService/CreateContainer"]).toBe("not-asked");
  });

  it("changes nothing at the runtime", async () => {
    await using fake = await startFakeNode();
    await fake.keelson("pull", "busybox");
    const before = [(await fake.keelson("images")).stdout, fake.world.leftovers()];
    await diagnose(fake.endpoint);
    expect([(await fake.keelson("images")).stdout, fake.world.leftovers()]).toEqual(before);
    await fake.expectEmpty();
  });

  it("says that nothing listens there", async () => {
    const diagnosis = await diagnose(`unix://${join(folder, "none.sock")}`);
    expect(diagnosis).toMatchObject({ exitCode: 9, verdict: "unreachable", failure: { reason: "NOT_LISTENING" } });
    expect(diagnosis.kubelets.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 16 }, () => "exits"));
  });

  it("does not wait for one that takes connections and is silent", async () => {
    const path = join(folder, "silent.sock");
    const sockets = new Set<net.Socket>();
    const server = net.createServer((socket) => sockets.add(socket)).listen(path);
    await once(server, "listening");
    try {
      const began = performance.now();
      const diagnosis = await diagnose(path, { timeout: "0.3" });
      expect(diagnosis).toMatchObject({ exitCode: 8, verdict: "silent" });
      expect(performance.now() - began).toBeLessThan(5000);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });

  it.each([
    ["HTTP/2", () => http2.createServer((_, answer) => answer.writeHead(404).end("not here"))],
    ["HTTP/1.1", () => http.createServer((_, answer) => answer.writeHead(404).end("not here"))],
    ["another protocol", () => net.createServer((socket) => socket.end("220 smtp.example ESMTP\r\n"))],
  ])("takes no web server for a runtime: %s", async (_, create) => {
    const path = join(folder, "web.sock");
    const server = create().listen(path);
    await once(server, "listening");
    try {
      expect(await diagnose(path)).toMatchObject({ exitCode: 7, verdict: "not-grpc", failure: { reason: "NOT_GRPC" } });
    } finally {
      server.close();
    }
  });

  it("tells a gRPC server without CRI from an old runtime", async () => {
    await using fake = await startFakeNode();
    const listen = join(folder, "grpc.sock");
    await using _ = await startCriProxy({
      listen,
      runtime: fake.endpoint.slice("unix://".length),
      unimplemented: () => true,
    });
    const diagnosis = await diagnose(listen);
    expect(diagnosis).toMatchObject({ exitCode: 6, verdict: "serves-no-cri", failure: null });
    expect([fate(diagnosis, "1.23"), fate(diagnosis, "1.26")]).toEqual(["v1alpha2/v1alpha2 exits", "null/null exits"]);
  });

  it("says that a socket may not be reached", async ({ skip }) => {
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const [program = "", ...drop] = nobody;
    const isRoot = process.getuid?.() === 0;
    // a clone below a private home can't be run by anybody else
    const here = fileURLToPath(import.meta.url);
    if (isRoot && spawnSync(program, [...drop, "test", "-r", here]).status !== 0)
      skip("nobody may not read this clone");
    const path = join(folder, "closed.sock");
    const server = net.createServer().listen(path);
    await once(server, "listening");
    await chmod(path, 0);
    const below = isRoot ? { below: nobody } : {};
    try {
      const { code, stdout } = await keelson(["doctor", "--endpoint", path], below);
      expect(code).toBe(9);
      expect(stdout).toBe(
        `unix://${path}\n  not permitted (EACCES)\n  → run keelson as root, or as a member of the socket's group\n`,
      );
    } finally {
      server.close();
    }
  });

  it("asks the image service at an endpoint of its own", async () => {
    await using runtime = await startFakeNode({}, { versions: ["v1"] });
    await using images = await startFakeNode({}, { versions: ["v1alpha2"] });
    const diagnosis = await diagnose(runtime.endpoint, { imageEndpoint: images.endpoint });
    expect([answers(diagnosis.services.runtime), answers(diagnosis.services.image)]).toEqual([
      "served/unimplemented",
      "unimplemented/served",
    ]);
    expect([fate(diagnosis, "1.25"), fate(diagnosis, "1.26")]).toEqual(["v1/v1alpha2 ready", "v1/null exits"]);
    expect(diagnosis.methodsOf).toEqual({ runtime: "v1", image: "v1alpha2" });
    expect(diagnosis.exitCode).toBe(4);
  });
});

describe("docs/reference/doctor.md", { timeout: 30_000 }, () => {
  let folder: string;
  let text: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "keelson-doctor-"));
    text = await readFile(join(repository, "docs/reference/doctor.md"), "utf8");
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** The output, as a block of the page. */
  async function block(endpoint: string, shown: string, timeout?: string): Promise<string> {
    const { stdout } = await doctor({ endpoint, ...(timeout === undefined ? {} : { timeout }) });
    return `\`\`\`text\n${stdout.replaceAll(endpoint, shown)}\n\`\`\`\n`;
  }

  it("shows what is said of a fake runtime of v1alpha2", async () => {
    await using fake = await startFakeNode({}, { versions: ["v1alpha2"] });
    expect(text).toContain(await block(fake.endpoint, "unix:///run/keelson-fake.sock"));
  });

  it.each([
    ["HTTP/2", () => http2.createServer((_, answer) => answer.writeHead(404).end("not here"))],
    ["HTTP/1.1", () => http.createServer((_, answer) => answer.writeHead(404).end("not here"))],
  ])("shows what is said of a web server: %s", async (name, create) => {
    const path = join(folder, `${name.replaceAll("/", "-")}.sock`);
    const server = create().listen(path);
    await once(server, "listening");
    try {
      expect(text).toContain(await block(`unix://${path}`, "unix:///run/web.sock"));
    } finally {
      server.close();
    }
  });

  it("shows what is said where nothing listens", async () => {
    expect(text).toContain(await block(`unix://${join(folder, "none.sock")}`, "unix:///run/none.sock"));
  });

  it("has every exit code, and every field of the JSON", async () => {
    for (const [verdict, code] of Object.entries(exitCodes)) expect(text).toContain(`| ${code} | \`${verdict}\` |`);
    await using fake = await startFakeNode();
    const { exitCode: _, ...endpoint } = await diagnose(fake.endpoint);
    for (const field of Object.keys(endpoint)) expect(text).toMatch(new RegExp(`^\\| .*\`${field}[\`.\\[]`, "m"));
  });
});

describe("keelson doctor through a proxy", { timeout: 30_000 }, () => {
  let fake: FakeNode;
  let direct: Diagnosis;
  beforeAll(async () => {
    fake = await startFakeNode({}, { versions: ["v1", "v1alpha2"] });
    direct = await diagnose(fake.endpoint);
  });
  afterAll(() => fake[Symbol.asyncDispose]());

  async function through(options: Omit<CriProxyOptions, "listen" | "runtime">): Promise<Diagnosis> {
    const listen = join(fake.folder, "proxy.sock");
    await using _ = await startCriProxy({ ...options, listen, runtime: fake.endpoint.slice("unix://".length) });
    return await diagnose(listen);
  }
  /** All but where it was asked. */
  const told = ({ endpoint: _, imageEndpoint: __, ...rest }: Diagnosis): unknown => rest;

  it("tells the same as without", async () => {
    expect(told(await through({}))).toEqual(told(direct));
  });

  it("decides nothing by what the runtime calls itself", async () => {
    const named = { name: "containerd", version: "1.0.0", apiVersion: "v1alpha2" };
    const version = { runtimeName: named.name, runtimeVersion: named.version, runtimeApiVersion: named.apiVersion };
    expect(told(await through({ version }))).toEqual(told({ ...direct, runtime: named }));
  });

  it("knows what kubelets do look at in Version's answer", async () => {
    for (const version of [{ runtimeVersion: "" }, { version: "0.2.0" }]) {
      expect(await through({ version })).toMatchObject({ exitCode: 5, verdict: "unusable" });
    }
  });

  it.each<[string, RegExp, string, string, number]>([
    ["v1's image service", /^\/runtime\.v1\.ImageService\//, "v1/v1alpha2 ready", "v1/null exits", 4],
    ["v1's runtime service", /^\/runtime\.v1\.RuntimeService\//, "v1alpha2/v1 ready", "null/v1 exits", 4],
    ["both image services", /\.ImageService\//, "v1/v1alpha2 no-pods", "v1/null exits", 4],
    ["both runtime services", /\.RuntimeService\//, "v1alpha2/v1 exits", "null/v1 exits", 5],
    ["v1", /^\/runtime\.v1\./, "v1alpha2/v1alpha2 ready", "null/null exits", 4],
    ["v1alpha2", /^\/runtime\.v1alpha2\./, "v1/v1 ready", "v1/v1 ready", 0],
    ["RuntimeConfig", /\/RuntimeConfig$/, "v1/v1 ready", "v1/v1 ready", 0],
    ["ListContainers", /\/ListContainers$/, "v1/v1 not-ready", "v1/v1 not-ready", 3],
    ["Status", /\/Status$/, "v1/v1 not-ready", "v1/v1 not-ready", 3],
  ])("that answers Unimplemented for %s", async (_, paths, before, newest, exitCode) => {
    const diagnosis = await through({ unimplemented: (path) => paths.test(path) });
    expect([fate(diagnosis, "1.25"), fate(diagnosis, "1.37"), diagnosis.exitCode]).toEqual([before, newest, exitCode]);
  });
});

describe("keelson doctor's command line", { timeout: 30_000 }, () => {
  it("tries the usual places when none is named", async () => {
    const { stdout, stderr } = await keelson(["doctor", "--json"]);
    expect(stderr).toBe("");
    expect((JSON.parse(stdout) as DoctorReport).endpoints.map(({ endpoint }) => endpoint)).toEqual([
      "unix:///run/keelson/keelsond.sock",
      "unix:///run/containerd/containerd.sock",
      "unix:///run/crio/crio.sock",
      "unix:///run/cri-dockerd.sock",
    ]);
  });

  it("takes the flag before CONTAINER_RUNTIME_ENDPOINT, and ends with the verdict's code", async () => {
    const env = { CONTAINER_RUNTIME_ENDPOINT: "unix:///nowhere.sock" };
    const [variable, flag] = await Promise.all([
      keelson(["doctor"], { env }),
      keelson(["doctor", "--endpoint", "unix:///elsewhere.sock"], { env }),
    ]);
    expect(variable).toEqual({
      code: 9,
      signal: null,
      stderr: "",
      stdout:
        "unix:///nowhere.sock\n  nothing listens there (ENOENT)\n  → start the runtime, or name its socket with --endpoint\n",
    });
    expect(flag).toMatchObject({ code: 9, stdout: expect.stringMatching(/^unix:\/\/\/elsewhere\.sock\n/) });
  });

  it.each([
    [["--frob"], "keelson: unknown option '--frob'\n"],
    [["--timeout", "0"], 'keelson: read --timeout "0": '],
    [["--timeout", "soon"], 'keelson: read --timeout "soon": '],
    [["--endpoint", "ftp://x"], 'keelson: parse endpoint "ftp://x": '],
    [["--image-endpoint", "ftp://x"], 'keelson: parse endpoint "ftp://x": '],
  ])("ends with 2 when it is called wrongly: %j", async (args, text) => {
    const ending = await keelson(["doctor", ...args]);
    expect({ code: ending.code, stdout: ending.stdout }).toEqual({ code: 2, stdout: "" });
    expect(ending.stderr.startsWith(text)).toBe(true);
    expect(ending.stderr).toMatch(/\n {2}→ .+\n$/);
  });
});

describe.skipIf(linuxGate.skip)("keelson doctor at keelsond", { timeout: 60_000 }, () => {
  it("finds a node that the newest kubelets register, and one that waits for its network", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keelson-doctor-"));
    const endpoint = `unix://${join(folder, "keelsond.sock")}`;
    const config = join(folder, "config.toml");
    await writeFile(config, `[cni]\nconf_dir = ${JSON.stringify(join(folder, "net.d"))}\n`);
    const daemon = await startProgram({
      argv: [
        keelsondCommand,
        ...["--config", config, "--listen", endpoint, "--root", join(folder, "root"), "--state", join(folder, "state")],
      ],
      env: {},
      ready: (line) => (line.includes('"msg":"listening"') ? endpoint : undefined),
      signal: AbortSignal.timeout(30_000),
    });
    try {
      const waiting = await diagnose(endpoint);
      expect(waiting).toMatchObject({ exitCode: 3, verdict: "not-ready", unanswered: [] });
      expect(waiting.kubelets.at(-1)?.why).toEqual(["NetworkReady is false"]);
      expect(waiting.advice).toEqual([expect.stringMatching(/CNI configuration/)]);

      await mkdir(join(folder, "net.d"), { recursive: true });
      const network = { cniVersion: "1.0.0", name: "doctor", plugins: [{ type: "loopback" }] };
      await writeFile(join(folder, "net.d", "10-doctor.conflist"), JSON.stringify(network));
      await until(async () => {
        expect(await diagnose(endpoint)).toMatchObject({ exitCode: 0, verdict: "ready", unanswered: [] });
      });
    } finally {
      await daemon.stop();
      await rm(folder, { recursive: true });
    }
  });
});
