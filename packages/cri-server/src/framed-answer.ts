import { create, type DescMessage, isMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type EncodedItem, encodedItemsOf } from "@keelson/runtime-core";
import { prefixBytes } from "./gather-request.ts";

/** An answer with gRPC's prefix. */
export function framedAnswer<Output extends DescMessage>(output: Output, answer: MessageInitShape<Output>): Buffer {
  const items = encodedItemsOf(answer);
  if (items !== undefined) return framedItems(items);
  const message = toBinary(output, isMessage(answer, output) ? answer : create(output, answer));
  const bytes = withPrefix(message.byteLength);
  bytes.set(message, prefixBytes);
  return bytes;
}

/** Each item behind the tag of its field (Protocol Buffers, "Encoding"), which is one byte below field number 16. */
function framedItems(items: readonly EncodedItem[]): Buffer {
  let length = items.length;
  for (const { data } of items) length += data.byteLength;
  const bytes = withPrefix(length);
  let at = prefixBytes;
  for (const { no, wireType, data } of items) {
    bytes[at] = (no << 3) | wireType;
    bytes.set(data, at + 1);
    at += 1 + data.byteLength;
  }
  return bytes;
}

function withPrefix(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(prefixBytes + length);
  bytes[0] = 0;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}
