// T12.03: numbers of 64 bits, and texts that look like numbers, from a request to config.json and back.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isCriError } from "@keelson/cri-api/errors";
import { NamespaceMode } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { type ContainerOptions, containerConfig, logFolder, type Pod, runPod } from "./harness/pods.ts";
import { startReadyNode } from "./harness/ready-node.ts";
import type { TestNode } from "./harness/start-node.ts";

const numbers = [-1n, 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n - 1n];

describe.skipIf(linuxGate.skip)("T12.03: numbers", () => {
  let node: TestNode;
  let cri: CriConnection;
  let image: string;
  let pod: Pod;
  let made = 0;
  beforeAll(async () => {
    ({ node, image } = await startReadyNode());
    cri = await node.connect();
    pod = await runPod(cri, { logDirectory: logFolder(node.folder), network: NamespaceMode.NODE });
  }, 60_000);
  afterAll(async () => {
    cri.close();
    await node.close();
  }, 60_000);

  /** Creates a container and reads what was made of the request; the refusal's message when it was refused. */
  async function create(options: Pick<ContainerOptions, "resources" | "security">) {
    const namespaceOptions = { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER };
    const config = containerConfig({
      name: `n${made++}`,
      image,
      ...options,
      security: { namespaceOptions, ...options.security },
    });
    try {
      const { containerId } = await cri.runtime.createContainer({ ...pod, config });
      const text = await readFile(join(node.state, "containers", containerId, "config.json"), "utf8");
      const { status } = await cri.runtime.containerStatus({ containerId });
      await cri.runtime.removeContainer({ containerId });
      return { text, status };
    } catch (error) {
      if (!isCriError(error, "INVALID_ARGUMENT") && !isCriError(error, "FAILED_PRECONDITION")) throw error;
      return { refused: error.message };
    }
  }

  it.each([
    ["memoryLimitInBytes", "memory_limit_in_bytes", "limit", 2n ** 53n + 1n],
    ["cpuQuota", "cpu_quota", "quota", 2n ** 32n],
    ["cpuPeriod", "cpu_period", "period", 100_000n],
    ["cpuShares", "cpu_shares", "shares", 1024n],
  ] as const)("of %s keep every digit, or are refused by name", { timeout: 60_000 }, async (field, name, key, good) => {
    const kept: bigint[] = [];
    for (const value of [...numbers, good]) {
      const made = await create({ resources: { [field]: value } });
      if (made.refused !== undefined) {
        expect(made.refused).toContain(name);
        continue;
      }
      expect(made.text).toMatch(new RegExp(`"${key}": ?${value}[,}\\s]`));
      expect(made.status?.resources?.linux?.[field]).toBe(value);
      kept.push(value);
    }
    expect(kept).toContain(good);
  });

  it("of users are users, or refused by name: none of them becomes root", { timeout: 60_000 }, async () => {
    const outcomes = new Map<bigint, string | undefined>();
    for (const value of [...numbers, 2n ** 31n - 1n]) {
      const made = await create({ security: { runAsUser: { value }, runAsGroup: { value } } });
      outcomes.set(value, made.refused === undefined ? /"uid": ?(\d+)/.exec(made.text)?.[1] : "refused");
      if (made.refused !== undefined) expect(made.refused).toMatch(/run_as_user|run_as_group/);
    }
    expect(outcomes).toEqual(
      new Map([
        [-1n, "refused"],
        [1n, "1"],
        [2n ** 31n - 1n, "2147483647"],
        [2n ** 31n, "refused"],
        [2n ** 32n, "refused"],
        [2n ** 53n + 1n, "refused"],
        [2n ** 63n - 1n, "refused"],
      ]),
    );
  });

  it("that are texts are names: none of them becomes root", { timeout: 60_000 }, async () => {
    for (const runAsUsername of [" ", "-1", "1e3", "10x", "0x0", "+0", "0.0", "4294967296", "9007199254740993"]) {
      const made = await create({ security: { runAsUsername } });
      expect([runAsUsername, made.text, made.refused]).toEqual([runAsUsername, undefined, expect.any(String)]);
    }
  });
});
