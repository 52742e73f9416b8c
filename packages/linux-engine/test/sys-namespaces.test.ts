import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { isCriError } from "@keelson/cri-api/errors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { mount } from "../src/sys/mount.ts";
import { isPinned, pinNamespace, unpinNamespace } from "../src/sys/namespace-pin.ts";
import type { NamespacePins } from "../src/sys/namespace-protocol.ts";
import { type Namespaces, openNamespaces } from "../src/sys/namespaces.ts";
import { run } from "../src/sys/run.ts";
import { spawn } from "../src/sys/spawn.ts";
import { isErrno } from "../src/sys/syscall-error.ts";

const deadlineMs = 10_000;
const noIpv6 = !existsSync("/proc/sys/net/ipv6");

async function failure(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => expect.fail("it did not fail"),
    (error: unknown) => error,
  );
}

function threadsAway(): string[] {
  const host = readlinkSync("/proc/self/ns/net");
  return readdirSync("/proc/self/task").filter((task) => {
    try {
      return readlinkSync(`/proc/self/task/${task}/ns/net`) !== host;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return false; // the thread has ended
      throw error;
    }
  });
}

describe.skipIf(linuxGate.skip)("namespaces", () => {
  let folder = "";
  let namespaces: Namespaces;
  let made = 0;
  const pinsFor = (): Required<NamespacePins> => {
    const name = join(folder, String(made++));
    return { net: `${name}.net`, ipc: `${name}.ipc`, uts: `${name}.uts` };
  };
  const inside = async (pins: NamespacePins, ...argv: string[]): Promise<string> => {
    const flags = Object.entries(pins).map(([kind, path]) => `--${kind}=${path}`);
    return (await run(["nsenter", ...flags, ...argv], { deadlineMs })).stdout.toString().trim();
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "keelson-namespaces-"));
    namespaces = await openNamespaces();
  });
  afterAll(async () => {
    await namespaces.close();
    for (const file of readdirSync(folder)) await unpinNamespace(join(folder, file));
    rmSync(folder, { recursive: true });
  });

  it("create() makes, sets up and pins what is asked for, and nothing else", async () => {
    const pins = pinsFor();
    await namespaces.create(pins, {
      hostname: "pod-1",
      loopback: true,
      sysctls: { "net.ipv4.ip_unprivileged_port_start": "0", "kernel.shmmni": "777", "fs/mqueue/msg_max": "12" },
    });
    for (const kind of ["net", "ipc", "uts"] as const) {
      expect(await isPinned(pins[kind])).toBe(true);
      expect(statSync(pins[kind]).ino).not.toBe(statSync(`/proc/self/ns/${kind}`).ino);
    }
    expect(await inside(pins, "busybox", "hostname")).toBe("pod-1");
    expect(await inside(pins, "busybox", "ip", "-o", "link", "show", "lo")).toContain("LOOPBACK,UP");
    expect(await inside(pins, "busybox", "ping", "-c", "1", "127.0.0.1")).toContain("1 packets received");
    const read = (key: string) => namespaces.readSysctl(pins, key);
    expect(await read("net.ipv4.ip_unprivileged_port_start")).toBe("0");
    expect(await read("kernel.shmmni")).toBe("777");
    expect(await read("fs.mqueue.msg_max")).toBe("12");
    expect(readFileSync("/proc/sys/kernel/shmmni", "utf8").trim()).not.toBe("777");
    expect(readFileSync("/proc/sys/kernel/hostname", "utf8").trim()).not.toBe("pod-1");

    const onlyNet = { net: pinsFor().net };
    await namespaces.create(onlyNet);
    expect(await inside(onlyNet, "busybox", "ip", "-o", "link", "show", "lo")).not.toContain("UP");
    for (const kind of ["ipc", "uts"]) {
      expect(await inside(onlyNet, "busybox", "readlink", `/proc/self/ns/${kind}`)).toBe(
        readlinkSync(`/proc/self/ns/${kind}`),
      );
    }
  });

  it.skipIf(noIpv6)("T9.02: a pod takes no router advertisements, and no IPv6 when it is not to", async () => {
    const { net } = pinsFor();
    await namespaces.create({ net }, { loopback: true });
    await inside({ net }, "busybox", "ip", "link", "add", "d0", "type", "veth");
    const read = (key: string) => namespaces.readSysctl({ net }, `net/ipv6/conf/${key}`);
    for (const scope of ["all", "default", "d0"]) expect(await read(`${scope}/accept_ra`)).toBe("0");
    expect((await namespaces.addresses(net)).map((entry) => entry.address)).toEqual(["127.0.0.1", "::1"]);
    await namespaces.configure({ net }, { ipv6: false });
    for (const scope of ["all", "default", "d0", "lo"]) expect(await read(`${scope}/disable_ipv6`)).toBe("1");
    expect(await namespaces.addresses(net)).toEqual([
      { interface: "lo", address: "127.0.0.1", prefixLength: 8, family: "IPv4", mac: "00:00:00:00:00:00" },
    ]);
    expect(readFileSync("/proc/sys/net/ipv6/conf/default/disable_ipv6", "utf8").trim()).toBe("0");
  });

  it("T6.01: refuses sysctls and names of namespaces that are the host's, and leaves nothing", async () => {
    const before = readdirSync(folder).length;
    const { net, uts } = pinsFor();
    const refused = [
      namespaces.create({ uts }, { sysctls: { "net.ipv4.ip_forward": "1" } }),
      namespaces.create({ net }, { sysctls: { "kernel.shmmax": "1" } }),
      namespaces.create({ net }, { sysctls: { "kernel.core_pattern": "x" } }),
      namespaces.create({ net }, { sysctls: { "net.ipv4.ip_forward": "1\n+kernel.core_pattern=x" } }),
      namespaces.create({ net }, { hostname: "x" }),
      namespaces.create({ uts }, { loopback: true }),
      namespaces.create({ uts }, { hostname: "x".repeat(65) }),
      namespaces.create({ net }, { sysctls: { "net.ipv4.no_such_key": "1" } }),
      namespaces.create({ net }, { sysctls: { "net.ipv4.ip_forward": "many" } }),
      namespaces.readProcNet(net, "../self/environ"),
    ];
    const errors = await Promise.all(refused.map(failure));
    expect(errors.map((error) => isCriError(error) && error.code)).toEqual([
      ...Array.from({ length: 6 }, () => "INVALID_ARGUMENT"),
      "INTERNAL", // sethostname itself
      ...Array.from({ length: 3 }, () => "INVALID_ARGUMENT"),
    ]);
    expect(String(errors[7])).toContain("net.ipv4.no_such_key");
    expect(readdirSync(folder).length).toBe(before);
    expect(threadsAway()).toEqual([]);
  });

  it("create() undoes its pins when one cannot be made", async () => {
    const pins = pinsFor();
    writeFileSync(pins.uts, "");
    const error = await failure(namespaces.create(pins, { loopback: true }));
    expect(isErrno(error, "EEXIST")).toBe(true);
    expect(existsSync(pins.net)).toBe(false);
    expect(existsSync(pins.ipc)).toBe(false);
    expect(threadsAway()).toEqual([]);
  });

  it("unpinNamespace() can be repeated, and ends a pin that was made twice", async () => {
    const { net } = pinsFor();
    await namespaces.create({ net });
    await mount({ source: "/proc/self/ns/net", target: net, flags: ["bind"] });
    await unpinNamespace(net);
    expect(existsSync(net)).toBe(false);
    await unpinNamespace(net);
    writeFileSync(net, ""); // made, but never bound
    await unpinNamespace(net);
    expect(existsSync(net)).toBe(false);
  });

  it("pinNamespace() keeps the namespace of a process that ends", async () => {
    const { net } = pinsFor();
    const child = spawn(["unshare", "--net", "sleep", "600"]);
    const hostNet = readlinkSync("/proc/self/ns/net");
    let theirs = hostNet;
    while (theirs === hostNet) theirs = await readlink(`/proc/${child.pid}/ns/net`);
    await pinNamespace(`/proc/${child.pid}/ns/net`, net);
    child.signal(9);
    await child.exited;
    expect(await inside({ net }, "busybox", "readlink", "/proc/self/ns/net")).toBe(theirs);
    expect(isErrno(await failure(pinNamespace("/proc/self/ns/net", net)), "EEXIST")).toBe(true);
    const missing = pinsFor().net;
    expect(isErrno(await failure(pinNamespace(join(folder, "none"), missing)), "ENOENT")).toBe(true);
    expect(existsSync(missing)).toBe(false);
  });

  it("connect() reaches what listens there, and not what listens on the host", async () => {
    const { net } = pinsFor();
    await namespaces.create({ net }, { loopback: true });
    const host = createServer((socket) => socket.end("host")).listen(0, "127.0.0.1");
    await new Promise((resolve) => host.once("listening", resolve));
    const port = portOf(host);
    const options = { address: "127.0.0.1", port, deadlineMs };
    expect(isErrno(await failure(namespaces.connect(net, options)), "ECONNREFUSED")).toBe(true);
    host.close();

    const script = `require("node:net").createServer((s) => s.end("pod")).listen(${port}, "::", () => console.log("up"))`;
    const server = spawn(["nsenter", `--net=${net}`, process.execPath, "-e", script], {
      descriptors: { 1: "write-pipe" },
    });
    const stdout = new Socket({ fd: server.pipes.get(1) ?? -1, readable: true, writable: false });
    await new Promise((resolve) => stdout.once("data", resolve));
    for (const address of ["127.0.0.1", "::1"]) {
      const fd = await namespaces.connect(net, { ...options, address });
      expect(await text(new Socket({ fd }))).toBe("pod");
    }
    server.signal(9);
    await server.exited;
    stdout.destroy();
    const wrong = await failure(namespaces.connect(net, { ...options, address: "localhost" }));
    expect(isCriError(wrong, "INVALID_ARGUMENT")).toBe(true);
  });

  it("connect() gives up at the deadline and when cancelled, and keeps no descriptor", async () => {
    const { net } = pinsFor();
    await namespaces.create({ net }, { loopback: true });
    // Nobody answers for a neighbour that is not there, for seconds. The other end, so that there is a carrier.
    const other = "link set veth0 up";
    for (const words of ["link add d0 type veth", "addr add 10.9.8.1/24 dev d0", "link set d0 up", other]) {
      await inside({ net }, "busybox", "ip", ...words.split(" "));
    }
    const before = readdirSync("/proc/self/fd").length;
    const target = { address: "10.9.8.2", port: 80 };
    const late = await failure(namespaces.connect(net, { ...target, deadlineMs: 50 }));
    expect(isCriError(late, "DEADLINE_EXCEEDED")).toBe(true);
    const controller = new AbortController();
    const work = namespaces.connect(net, { ...target, deadlineMs, signal: controller.signal });
    controller.abort();
    expect(isCriError(await failure(work), "CANCELED")).toBe(true);
    expect(readdirSync("/proc/self/fd").length).toBe(before);
    expect((await namespaces.addresses(net)).map((entry) => entry.address)).toContain("10.9.8.1");
    expect(await namespaces.readProcNet(net, "dev")).toMatch(/^\s*d0:/m);
  });

  it("T12.04: only the worker is ever in another namespace, while the pool works too", async () => {
    const seen = new Set<string>();
    while (seen.size === 0) {
      const pins = pinsFor();
      let done = false;
      const work = namespaces.create(pins, { loopback: true, hostname: "x" }).then(() => {
        done = true;
      });
      while (!done) {
        const away = threadsAway();
        expect(away.length).toBeLessThanOrEqual(1);
        for (const task of away) seen.add(task);
        await Promise.all(Array.from({ length: 4 }, () => readFile("/proc/thread-self/status"))); // every thread of the pool
      }
      await work;
    }
    expect(seen.size).toBe(1);
    const [task = ""] = seen;
    expect(Number(task)).not.toBe(process.pid);
    expect(threadsAway()).toEqual([]);
    // Asked of the pool itself: where is the thread that does this?
    const host = readlinkSync("/proc/self/ns/net");
    const links = await Promise.all(Array.from({ length: 16 }, () => readlink("/proc/thread-self/ns/net")));
    expect(new Set(links)).toEqual(new Set([host]));
  });

  it("rejects what was pending when the worker dies, and starts another", async () => {
    const marker = join(folder, "died");
    const entry = join(folder, "dies-once.mjs");
    writeFileSync(
      entry,
      `import { existsSync, writeFileSync } from "node:fs";
       import { parentPort } from "node:worker_threads";
       parentPort.on("message", ({ id }) => {
         if (existsSync(${JSON.stringify(marker)})) return parentPort.postMessage({ id, result: "alive" });
         writeFileSync(${JSON.stringify(marker)}, "");
         throw new Error("planted");
       });`,
    );
    const mortal = await openNamespaces({ entry: pathToFileURL(entry) });
    const errors = await Promise.all([mortal.readProcNet("a", "dev"), mortal.addresses("a")].map(failure));
    for (const error of errors) expect(isCriError(error, "INTERNAL")).toBe(true);
    expect(String((errors[0] as Error).cause)).toContain("planted");
    expect(await mortal.readProcNet("a", "dev")).toBe("alive");
    await mortal.close();
    await mortal.close();
    expect(isCriError(await failure(mortal.addresses("a")), "CANCELED")).toBe(true);
  });

  it("a call that does not come back ends at its deadline", async () => {
    const entry = join(folder, "stuck.mjs");
    writeFileSync(
      entry,
      `import { parentPort } from "node:worker_threads"; parentPort.on("message", () => { for (;;); });`,
    );
    const stuck = await openNamespaces({ entry: pathToFileURL(entry), callDeadlineMs: 100 });
    expect(isCriError(await failure(stuck.addresses("a")), "DEADLINE_EXCEEDED")).toBe(true);
    await stuck.close();
  });

  it("neither waiting for the worker nor its being idle keeps a process from ending", async () => {
    const source = new URL("../src/sys/namespaces.ts", import.meta.url).href;
    const { net } = pinsFor();
    const script = `import { openNamespaces } from ${JSON.stringify(source)};
      const namespaces = await openNamespaces();
      await namespaces.create({ net: ${JSON.stringify(net)} });
      console.log("made");`;
    const result = await run([process.execPath, "--input-type=module", "-e", script], { deadlineMs });
    expect(result.stdout.toString()).toBe("made\n");
    expect(await isPinned(net)).toBe(true);
  });
});

async function readlink(path: string): Promise<string> {
  return await (await import("node:fs/promises")).readlink(path);
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  return address.port;
}
