import { invalidArgument, quote } from "@keelson/cri-api/errors";

/** One value of foreign JSON, with its path. What does not fit is noted, and a stand-in is returned to go on with. */
export interface Item {
  isText(): boolean;
  asText(maxLength: number): string;
  /** `want` says in words what `pattern` wants. */
  asMatch(pattern: RegExp, want: string): string;
  asInteger(min: number, max: number): number;
  asFlag(): boolean;
  asOneOf<Word extends string>(words: readonly [Word, ...Word[]]): Word;
  asList<T>(read: (item: Item) => T): readonly T[];
  /** An object of strings; its keys are foreign names. */
  asTexts(maxLength: number): ReadonlyMap<string, string>;
  asFields(): Fields;
}

/** An object of foreign JSON. A field that nobody asked for is a mistake. */
export interface Fields {
  text(name: string, maxLength: number): string;
  integer(name: string, min: number, max: number): number;
  optionalList<T>(name: string, read: (item: Item) => T): readonly T[] | undefined;
  /** The field under its name; nothing when it is absent. */
  optional<Name extends string, T>(name: Name, read: (item: Item) => T): { readonly [key in Name]?: T };
  /** An object whose keys are foreign names. */
  map<T>(name: string, read: (fields: Fields) => T): ReadonlyMap<string, T>;
}

/** The longest list that is read, for a script comes from strangers. */
const maxItems = 10_000;
const maxMistakes = 20;

/**
 * Reads an object and reports every mistake at once, by path.
 * @throws INVALID_ARGUMENT
 */
export function readFields<T>(value: unknown, where: string, read: (fields: Fields) => T): T {
  const mistakes: string[] = [];
  const root = openFields(value, "", mistakes);
  const result = read(root.fields);
  root.finish();
  if (mistakes.length === 0) return result;
  const shown = mistakes.slice(0, maxMistakes);
  if (mistakes.length > shown.length) shown.push(`and ${mistakes.length - shown.length} more`);
  throw invalidArgument(`read ${where}: ${shown.join("; ")}`, {
    hint: "the README of @keelson/fake-runtime describes scripts",
  });
}

function openFields(value: unknown, path: string, mistakes: string[]): { fields: Fields; finish(): void } {
  const note = (at: string, want: string, got: unknown): void => {
    mistakes.push(`${at === "" ? "the whole" : at}: want ${want}, got ${describe(got)}`);
  };
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject) note(path, "an object", value);
  const left = new Map<string, unknown>(isObject ? Object.entries(value).filter(([, one]) => one !== undefined) : []);
  const known: string[] = [];
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
  const take = (name: string): Item => {
    known.push(name);
    const found = left.get(name);
    left.delete(name);
    return openItem(found, at(name));
  };
  const has = (name: string): boolean => {
    if (!left.has(name)) known.push(name);
    return left.has(name);
  };

  function openItem(found: unknown, itemPath: string): Item {
    return {
      isText: () => typeof found === "string",
      asText(maxLength) {
        if (typeof found === "string" && found.length <= maxLength) return found;
        note(itemPath, `a string of at most ${maxLength} characters`, found);
        return "";
      },
      asMatch(pattern, want) {
        if (typeof found === "string" && found.length <= 512 && pattern.test(found)) return found;
        note(itemPath, want, found);
        return "";
      },
      asInteger(min, max) {
        if (typeof found === "number" && Number.isInteger(found) && found >= min && found <= max) return found;
        note(itemPath, `an integer from ${min} to ${max}`, found);
        return min;
      },
      asFlag() {
        if (typeof found !== "boolean") note(itemPath, "true or false", found);
        return found === true;
      },
      asOneOf(words) {
        const word = words.find((one) => one === found);
        if (word !== undefined) return word;
        note(itemPath, words.map((one) => quote(one)).join(" or "), found);
        return words[0];
      },
      asList(read) {
        if (Array.isArray(found) && found.length <= maxItems) {
          return found.map((one: unknown, index) => read(openItem(one, `${itemPath}[${index}]`)));
        }
        note(itemPath, `a list of at most ${maxItems}`, found);
        return [];
      },
      asTexts(maxLength) {
        const isTexts = typeof found === "object" && found !== null && !Array.isArray(found);
        if (!isTexts) note(itemPath, "an object", found);
        const entries = isTexts ? Object.entries(found) : [];
        return new Map(
          entries.map(([key, one]) => [key, openItem(one, `${itemPath}[${quote(key, 64)}]`).asText(maxLength)]),
        );
      },
      asFields() {
        const inner = openFields(found, itemPath, mistakes);
        pending.push(inner.finish);
        return inner.fields;
      },
    };
  }

  const pending: (() => void)[] = [];
  const fields: Fields = {
    text: (name, maxLength) => take(name).asText(maxLength),
    integer: (name, min, max) => take(name).asInteger(min, max),
    optionalList: (name, read) => (has(name) ? take(name).asList(read) : undefined),
    optional<Name extends string, T>(name: Name, read: (item: Item) => T): { readonly [key in Name]?: T } {
      if (!has(name)) return {};
      const found: { [key in Name]?: T } = {};
      found[name] = read(take(name));
      return found;
    },
    map(name, read) {
      if (!has(name)) return new Map();
      known.push(name);
      const found = left.get(name);
      left.delete(name);
      if (typeof found !== "object" || found === null || Array.isArray(found)) {
        note(at(name), "an object", found);
        return new Map();
      }
      return new Map(
        Object.entries(found).map(([key, one]) => [
          key,
          read(openItem(one, `${at(name)}[${quote(key, 64)}]`).asFields()),
        ]),
      );
    },
  };
  return {
    fields,
    finish() {
      for (const name of left.keys()) {
        mistakes.push(
          `${at(quote(name, 64))}: no such field (there ${known.length === 1 ? "is" : "are"} ${[...new Set(known)].join(", ")})`,
        );
      }
      for (const finish of pending) finish();
    },
  };
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return value.length > 64 ? `a string of ${value.length} characters` : quote(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
