import { afterAll, beforeAll, describe } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { containerCases } from "./bad-input/container-cases.ts";
import { hostileImageCases } from "./bad-input/hostile-image-cases.ts";
import { hostileUserCases } from "./bad-input/hostile-user-cases.ts";
import { imageCases } from "./bad-input/image-cases.ts";
import { requestCases } from "./bad-input/request-cases.ts";
import { openStage, type Stage } from "./bad-input/stage.ts";

describe.skipIf(linuxGate.skip)("keelsond and bad input", { timeout: 60_000 }, () => {
  let opened: Stage | undefined;
  const stage = (): Stage => {
    if (opened === undefined) throw new Error("the stage is not open");
    return opened;
  };
  beforeAll(async () => {
    opened = await openStage();
  }, 60_000);
  afterAll(async () => {
    await opened?.[Symbol.asyncDispose]();
  }, 60_000);

  requestCases(stage);
  imageCases(stage);
  hostileImageCases(stage);
  hostileUserCases(stage);
  containerCases(stage);
});
