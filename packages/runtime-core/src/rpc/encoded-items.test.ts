import { fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { ContainerSchema, ListContainersResponseSchema } from "@keelson/cri-api/v1";
import { expect, it } from "vitest";
import { listOf, recordEncoder } from "./encoded-items.ts";

it("a record is encoded once, another record in its place anew, and the list holds both as any list does", () => {
  let made = 0;
  const encode = recordEncoder(ContainerSchema, (record: { readonly id: string }) => {
    made++;
    return { id: record.id, labels: { a: record.id } };
  });
  const [one, two] = [{ id: "one" }, { id: "two" }];
  for (let round = 0; round < 3; round++) {
    const list = listOf(ListContainersResponseSchema, [one, two].map(encode)) as MessageShape<
      typeof ListContainersResponseSchema
    >;
    const { containers } = fromBinary(ListContainersResponseSchema, toBinary(ListContainersResponseSchema, list));
    expect(containers.map(({ id, labels }) => [id, labels.a])).toEqual([
      ["one", "one"],
      ["two", "two"],
    ]);
  }
  expect(made).toBe(2);
  encode({ ...one });
  expect(made).toBe(3);
});
