import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { startNode, type TestNode } from "../../runtime/test/harness/start-node.ts";
import { type Ending, type Keelson, keelson, startKeelson, until } from "./harness/keelson.ts";

describe.skipIf(linuxGate.skip)("keelson run on keelsond", { timeout: 60_000 }, () => {
  let node: TestNode;
  let image: string;
  beforeAll(async () => {
    node = await startNode();
    image = await node.push("busybox:1");
  }, 60_000);
  afterAll(() => node.close(), 60_000);

  const args = (script: string): readonly string[] => [
    "--endpoint",
    node.endpoint,
    "run",
    image,
    "--",
    "sh",
    "-c",
    script,
  ];
  const run = (script: string): Promise<Ending> => keelson(args(script));
  const start = (script: string): Keelson => startKeelson(args(script));

  async function expectNoPods(): Promise<void> {
    expect((await keelson(["--endpoint", node.endpoint, "pods", "-q"])).stdout).toBe("");
  }

  it("shows both streams and ends with the container's code", async () => {
    const word = randomBytes(8).toString("hex");
    const code = 1 + (randomBytes(1).readUInt8() % 100);
    const ending = await run(`echo ${word}; echo no ${word} >&2; printf half; exit ${code}`);
    expect(ending).toMatchObject({ code, stdout: `${word}\nhalf` });
    expect(ending.stderr).toMatch(new RegExp(`^pull \\S+: [\\d.]+ m?s\\nno ${word}\\n$`));
    await expectNoPods();
  });

  it("passes bytes on as they are", async () => {
    const running = start("head -c 100000 /dev/zero | tr '\\0' x; echo; printf '\\377\\344\\200'");
    running.process.stdout?.setEncoding("latin1");
    const { code, stdout } = await running.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${"x".repeat(100_000)}\n\u00ff\u00e4\u0080` });
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("stops the container in good order on %s", async (signal, code) => {
    const running = start("trap 'echo bye; exit 0' TERM; echo up; sleep 3600 & wait");
    await until(() => expect(running.stdout).toBe("up\n"));
    running.process.kill(signal);
    expect(await running.ended).toMatchObject({ code, stdout: "up\nbye\n" });
    await expectNoPods();
  });

  it("T3.06 hides what a container must not see", async () => {
    const { code, stdout } = await run(
      "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c; ls -A /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -c '^[a-z]'; echo 1 2>/dev/null >/proc/sys/net/ipv4/ip_forward || echo read-only",
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: "0\n0\nread-only\n" });
  });

  it("says what to do about a command that is not in the image", async () => {
    const { code, stderr } = await keelson(["--endpoint", node.endpoint, "run", image, "--", "/no/such/command"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/keelson: .*\/no\/such\/command/);
    await expectNoPods();
  });

  it("says what to do about an image and a registry that are not there", async () => {
    const missing = await keelson(["--endpoint", node.endpoint, "run", `${node.registry.host}/nosuch:1`]);
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    expect(missing.stderr).toMatch(/failed after .*\nkeelson: .*nosuch/);
    const down = await keelson(["--endpoint", node.endpoint, "pull", "127.0.0.1:1/busybox:1"]);
    expect(down).toMatchObject({ code: 1, stdout: "" });
    expect(down.stderr).toMatch(/keelson: RegistryUnavailable: .*127\.0\.0\.1:1/);
  });
});
