import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { type EncodedItem, encodeItem, listOf } from "./encoded-items.ts";

/** A part of a list has at most so many bytes of items, or one item: well below the 16 MiB that a kubelet takes. */
export const longestBatch: number = 1024 * 1024;

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
  let items: EncodedItem[] = [];
  let size = 0;
  for (const one of from) {
    const encoded = encodeItem(item, toItem(one));
    const itemSize = encoded.data.byteLength + 1;
    if (items.length > 0 && size + itemSize > mostBytes) {
      yield listOf(part, items);
      items = [];
      size = 0;
    }
    items.push(encoded);
    size += itemSize;
  }
  if (items.length > 0) yield listOf(part, items);
}
