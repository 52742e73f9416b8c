import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** A part of a list has at most so many bytes of items, or one item: well below the 16 MiB that a kubelet takes. */
export const longestBatch: number = 1024 * 1024;

/** A field of a message that holds items already encoded, as protobuf-es writes what it has no name for. */
type EncodedField = {
  readonly no: number;
  readonly wireType: typeof WireType.LengthDelimited;
  readonly data: Uint8Array;
};

export interface BatchesOptions<Part extends DescMessage, Item extends DescMessage, From> {
  /** The message of one part; its items are its field number 1. */
  readonly part: Part;
  readonly item: Item;
  readonly from: readonly From[];
  readonly toItem: (from: From) => MessageInitShape<Item>;
  /** Default {@link longestBatch}. */
  readonly mostBytes?: number;
}

/**
 * A list in parts. Items are encoded as their part is asked for, each once, and no part is empty: without items there is
 * none. Number 1 is the field of the items in every Stream… answer of CRI (KEP-5825).
 */
export function* inBatches<Part extends DescMessage, Item extends DescMessage, From>(
  options: BatchesOptions<Part, Item, From>,
): Generator<MessageInitShape<Part>, void> {
  const { part, item, from, toItem, mostBytes = longestBatch } = options;
  let fields: EncodedField[] = [];
  let size = 0;
  for (const one of from) {
    const data = new BinaryWriter().bytes(toBinary(item, create(item, toItem(one)))).finish();
    const itemSize = data.byteLength + 1;
    if (fields.length > 0 && size + itemSize > mostBytes) {
      yield withFields(part, fields);
      fields = [];
      size = 0;
    }
    fields.push({ no: 1, wireType: WireType.LengthDelimited, data });
    size += itemSize;
  }
  if (fields.length > 0) yield withFields(part, fields);
}

function withFields<Part extends DescMessage>(part: Part, fields: EncodedField[]): MessageInitShape<Part> {
  const message = create(part);
  message.$unknown = fields;
  return message as MessageInitShape<Part>;
}
