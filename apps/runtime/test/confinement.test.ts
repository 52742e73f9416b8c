import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { apparmorCases } from "./confinement/apparmor-cases.ts";
import { unprovenFields } from "./confinement/claims.ts";
import { deviceCases } from "./confinement/device-cases.ts";
import { fileCases } from "./confinement/file-cases.ts";
import { mountCases } from "./confinement/mount-cases.ts";
import { namespaceCases } from "./confinement/namespace-cases.ts";
import { podCases, podExtra, podSysctls } from "./confinement/pod-cases.ts";
import { processCases } from "./confinement/process-cases.ts";
import { refusalCases } from "./confinement/refusal-cases.ts";
import { reportCases } from "./confinement/report-cases.ts";
import { resourceCases } from "./confinement/resource-cases.ts";
import { rightCases } from "./confinement/right-cases.ts";
import { seccompCases } from "./confinement/seccomp-cases.ts";
import { openStage, type Stage } from "./confinement/stage.ts";
import { userCases } from "./confinement/user-cases.ts";

describe.skipIf(linuxGate.skip)("default deny, seen from inside containers of keelsond", { timeout: 60_000 }, () => {
  let opened: Stage | undefined;
  const stage = (): Stage => {
    if (opened === undefined) throw new Error("the stage is not open");
    return opened;
  };
  beforeAll(async () => {
    opened = await openStage(podExtra, podSysctls);
  }, 60_000);
  afterAll(async () => {
    await opened?.[Symbol.asyncDispose]();
  }, 60_000);

  for (const cases of [userCases, rightCases, seccompCases, apparmorCases, fileCases, processCases, podCases])
    cases(stage);
  for (const cases of [namespaceCases, mountCases, deviceCases, resourceCases, refusalCases, reportCases]) cases(stage);
});

test("every field of default deny is claimed by a test: observed, refused, or reported as ignored", () => {
  expect(unprovenFields()).toEqual([]);
});
