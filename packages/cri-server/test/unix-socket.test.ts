import { once } from "node:events";
import { chmod, lstat, mkdir, readdir, rename, stat, writeFile } from "node:fs/promises";
import http2 from "node:http2";
import net from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { clients, open, startCore, startServer, testFolder } from "./server-harness.ts";

const mode = async (path: string): Promise<number> => (await lstat(path)).mode & 0o777;

describe("the socket", () => {
  it("T7.02: has mode 0660 in a folder of mode 0700, whatever the umask", async () => {
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const folder = join(await testFolder(), "run", "keelson");
    const { core } = await startCore();
    const path = join(folder, "keelsond.sock");
    await open({ core, endpoint: `unix://${path}` });
    expect(await mode(path)).toBe(0o660);
    expect(await mode(folder)).toBe(0o700);
    expect(await readdir(folder)).toEqual(["keelsond.sock"]);
    expect((await clients(path).runtime.version({})).runtimeName).toBe("keelson");
  });

  it("has the mode that was asked for, under a tight umask too", async () => {
    const before = process.umask(0o777);
    const folder = await testFolder();
    await chmod(folder, 0o700);
    process.umask(0o177);
    onTestFinished(() => void process.umask(before));
    const { core } = await startCore();
    await open({ core, endpoint: `unix://${join(folder, "s")}`, socketMode: 0o666 });
    expect(await mode(join(folder, "s"))).toBe(0o666);
  });

  it("is refused while another runtime listens there", async () => {
    const { core, path } = await startServer();
    await expect(open({ core, endpoint: `unix://${path}` })).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    expect((await clients(path).runtime.version({})).runtimeName).toBe("keelson");
  });

  it("replaces what a dead runtime left", async () => {
    const folder = await testFolder();
    const path = join(folder, "s");
    const dead = net.createServer().listen(join(folder, "dead"));
    await once(dead, "listening");
    await rename(join(folder, "dead"), path);
    dead.close();
    await once(dead, "close");
    expect((await stat(path)).isSocket()).toBe(true);
    const { core } = await startCore();
    await open({ core, endpoint: `unix://${path}` });
    expect((await clients(path).runtime.version({})).runtimeName).toBe("keelson");
  });

  it("replaces nothing that is no socket", async () => {
    const folder = await testFolder();
    const path = join(folder, "s");
    await writeFile(path, "precious");
    const { core } = await startCore();
    await expect(open({ core, endpoint: `unix://${path}` })).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    expect((await stat(path)).size).toBe(8);
    expect(await readdir(folder)).toEqual(["s"]);
  });

  it("is not made where anybody may replace it", async () => {
    const folder = join(await testFolder(), "open");
    await mkdir(folder);
    await chmod(folder, 0o777);
    const { core } = await startCore();
    await expect(open({ core, endpoint: `unix://${folder}/s` })).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
  });

  it("goes at close, unless somebody else's is there by then", async () => {
    const first = await startServer();
    await first.server.close();
    await expect(lstat(first.path)).rejects.toMatchObject({ code: "ENOENT" });

    const second = await startServer();
    const other = http2.createServer().listen(join(second.folder, "other"));
    onTestFinished(() => void other.close());
    await once(other, "listening");
    await rename(join(second.folder, "other"), second.path);
    await second.server.close();
    expect((await lstat(second.path)).isSocket()).toBe(true);
  });

  it("says that a path is too long", async () => {
    const { core } = await startCore();
    const folder = await testFolder();
    const path = join(folder, "x".repeat(105 - folder.length), "s");
    await expect(open({ core, endpoint: `unix://${path}` })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("listens on no address that others can reach", async () => {
    const { core } = await startCore();
    await expect(open({ core, endpoint: "tcp://0.0.0.0:8080" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
