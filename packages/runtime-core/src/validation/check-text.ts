import type { DescField, DescMessage, MessageShape } from "@bufbuild/protobuf";
import { invalidArgument, quote } from "@keelson/cri-api/errors";

/** No text of a request is longer. Annotations, the longest that occur, have 256 KiB together in Kubernetes. */
const longestText = 1024 * 1024;
/** Linux's PATH_MAX without its NUL. */
const longestPath = 4095;
const longestName = 1024;

const limits: ReadonlyMap<string, number> = new Map([
  ...["container_path", "host_path", "image_sub_path", "working_dir", "log_directory", "log_path", "cgroup_parent"].map(
    (field) => [field, longestPath] as const,
  ),
  ...["masked_paths", "readonly_paths", "localhost_ref"].map((field) => [field, longestPath] as const),
  ...["name", "uid", "namespace", "hostname", "image", "runtime_handler"].map((field) => [field, longestName] as const),
]);

/**
 * Refuses what no field may hold: NUL, and more bytes than the field's kind can need.
 * @param path where the message stands in the request, for instance `config`
 * @throws INVALID_ARGUMENT naming the field
 */
export function checkText<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>, path: string): void {
  checkMessage(schema, message, () => path);
}

/** Where something stands in the request; asked only when it is refused, as a message may have a million values. */
type Place = () => string;

function checkMessage<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>, path: Place): void {
  const values = message as Readonly<Record<string, unknown>>;
  for (const field of schema.fields) {
    const value = values[field.localName];
    if (value === undefined) continue;
    const at: Place = () => (path() === "" ? field.name : `${path()}.${field.name}`);
    switch (field.fieldKind) {
      case "list":
        for (const [index, one] of (value as readonly unknown[]).entries()) {
          checkValue(field, one, () => `${at()}[${index}]`);
        }
        break;
      case "map":
        for (const [key, one] of Object.entries(value as Readonly<Record<string, unknown>>)) {
          checkBytes(field, key, () => `key of ${at()}`);
          checkValue(field, one, () => `${at()}[${quote(key, 64)}]`);
        }
        break;
      default:
        checkValue(field, value, at);
    }
  }
}

function checkValue(field: DescField, value: unknown, at: Place): void {
  if (field.message !== undefined) checkMessage(field.message, value as MessageShape<DescMessage>, at);
  else checkBytes(field, value, at);
}

function checkBytes(field: DescField, value: unknown, at: Place): void {
  if (typeof value !== "string" && !(value instanceof Uint8Array)) return;
  const limit = limits.get(field.name) ?? longestText;
  const size = typeof value === "string" ? sizeWithin(value, limit) : value.length;
  if (size > limit) {
    throw invalidArgument(`${at()} is too long: at least ${size} bytes, at most ${limit} are taken`);
  }
  if (typeof value === "string" ? value.includes("\0") : value.includes(0)) {
    throw invalidArgument(`${at()} holds a NUL byte`);
  }
}

const encoder = new TextEncoder();

/** A string has as many bytes as UTF-16 units at least, and three times as many at most: counted only where it matters. */
function sizeWithin(text: string, limit: number): number {
  return text.length <= limit && text.length * 3 > limit ? encoder.encode(text).length : text.length;
}
