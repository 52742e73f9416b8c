import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { stopSlice } from "../src/cgroup/stop-slice.ts";
import { run } from "../src/sys/run.ts";

const systemd = existsSync("/run/systemd/system"); // sd_booted(3)

describe.skipIf(linuxGate.skip || !systemd)("stopSlice()", () => {
  const state = async (slice: string): Promise<string> => {
    const { stdout } = await run(["systemctl", "is-active", slice], { deadlineMs: 60_000, anyExit: true });
    return stdout.toString("utf8").trim();
  };

  it("ends a slice, and succeeds when there is none", { timeout: 120_000 }, async () => {
    const slice = `keelsontest${randomBytes(6).toString("hex")}.slice`;
    await run(["systemctl", "start", slice], { deadlineMs: 60_000 });
    expect(await state(slice)).toBe("active");
    await stopSlice(slice);
    expect(await state(slice)).toBe("inactive");
    await stopSlice(slice);
  });

  it("tells what systemd has against it", { timeout: 120_000 }, async () => {
    await expect(stopSlice("a--b.slice")).rejects.toThrow("systemctl stop -- a--b.slice");
  });
});
