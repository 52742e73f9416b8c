import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** A field of a message that holds one item already encoded, as protobuf-es writes what it has no name for. */
export interface EncodedItem {
  /** The items are number 1 in every list of CRI. */
  readonly no: 1;
  readonly wireType: typeof WireType.LengthDelimited;
  readonly data: Uint8Array;
}

export function encodeItem<Item extends DescMessage>(item: Item, message: MessageInitShape<Item>): EncodedItem {
  const data = new BinaryWriter().bytes(toBinary(item, create(item, message))).finish();
  return { no: 1, wireType: WireType.LengthDelimited, data };
}

/**
 * Encodes what a list shows of a record once for each state of it: records are never changed, but replaced. Whoever asks
 * for a list again and again, as kubelets do, costs a copy of bytes.
 */
export function recordEncoder<Item extends DescMessage, Record extends object>(
  item: Item,
  toItem: (record: Record) => MessageInitShape<Item>,
): (record: Record) => EncodedItem {
  const known = new WeakMap<Record, EncodedItem>();
  return (record) => {
    const there = known.get(record);
    if (there !== undefined) return there;
    const made = encodeItem(item, toItem(record));
    known.set(record, made);
    return made;
  };
}

const itemsOf = new WeakMap<object, readonly EncodedItem[]>();

/** A list, or a part of one, with nothing but its items. */
export function listOf<List extends DescMessage>(list: List, items: readonly EncodedItem[]): MessageInitShape<List> {
  const message = create(list);
  message.$unknown = [...items];
  itemsOf.set(message, items);
  return message as MessageInitShape<List>;
}

/**
 * The items of an answer that is a list of encoded items and nothing else; undefined for any other answer. A server that
 * has them copies their bytes once, where protobuf-es copies a long list five times.
 */
export function encodedItemsOf(answer: object): readonly EncodedItem[] | undefined {
  return itemsOf.get(answer);
}
