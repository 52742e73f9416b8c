import { clearField, type DescField, type Message } from "@bufbuild/protobuf";
import type { Path } from "./places.ts";

type Node = Record<string | number, unknown>;

/** A message that is changed without touching the caller's: what a change passes through is copied once, the rest shared. */
export class Draft {
  #message: Message;
  readonly #copies = new Set<unknown>();

  constructor(message: Message) {
    this.#message = message;
  }

  /** The caller's own as long as nothing was changed. */
  get message(): Message {
    return this.#message;
  }

  /** Sets a property of the message at `path`. */
  set(path: Path, property: string, value: unknown): void {
    this.#copyAt(path)[property] = value;
  }

  /** Clears a field of the message at `path`. */
  clear(path: Path, field: DescField): void {
    clearField(this.#copyAt(path) as unknown as Message, field);
  }

  /** Takes items out of the list at `path`. */
  removeItems(path: Path, indexes: ReadonlySet<number>): void {
    const list = this.#copyAt(path) as unknown as unknown[];
    const kept = list.filter((_, index) => !indexes.has(index));
    list.splice(0, list.length, ...kept);
  }

  #copyAt(path: Path): Node {
    let copy = this.#copy(this.#message as unknown as Node);
    this.#message = copy as unknown as Message;
    for (const key of path) {
      const child = this.#copy(copy[key] as Node);
      copy[key] = child;
      copy = child;
    }
    return copy;
  }

  #copy(node: Node): Node {
    if (this.#copies.has(node)) return node;
    const copy: Node = Array.isArray(node)
      ? ([...node] as unknown as Node)
      : Object.assign(Object.create(Object.getPrototypeOf(node)), node);
    this.#copies.add(copy);
    return copy;
  }
}
