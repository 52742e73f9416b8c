import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { ContainerConfigSchema } from "@keelson/cri-api/v1";
import { expect, it } from "vitest";
import { compact } from "./stored.ts";

it("compact() keeps nothing of the buffer in which a message came", () => {
  const value = new TextEncoder().encode("secret");
  const received = toBinary(ContainerConfigSchema, {
    ...fromBinary(ContainerConfigSchema, new Uint8Array()),
    envs: [{ $typeName: "runtime.v1.KeyValue", key: "A", value }],
  });
  const message = fromBinary(ContainerConfigSchema, received);
  const kept = compact(ContainerConfigSchema, message);
  expect(message.envs[0]?.value.buffer).toBe(received.buffer);
  received.fill(0);
  expect(kept.envs[0]).toMatchObject({ key: "A", value });
  expect(kept.envs[0]?.value.buffer).not.toBe(received.buffer);
});
