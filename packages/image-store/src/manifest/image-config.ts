import { quote } from "@keelson/cri-api/errors";
import { type Digest, isDigest } from "../reference/index.ts";
import {
  asArray,
  asObject,
  asString,
  badContent,
  type JsonObject,
  optionalString,
  own,
  parseJsonObject,
} from "./decode.ts";
import { maxLayers } from "./manifest.ts";
import { type Platform, parsePlatform } from "./platform.ts";

/** What an image says of its containers (OCI image-spec, "Image Configuration"). Deep-frozen. */
export interface ImageConfig {
  readonly platform: Platform;
  /** RFC 3339 as written, or empty. */
  readonly created: string;
  readonly author: string;
  /** `KEY=value`; every entry has a key. */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `user[:group]` as written, by name or number; empty when not set. */
  readonly user: string;
  readonly workingDir: string;
  readonly stopSignal: string;
  readonly volumes: readonly string[];
  /** `80/tcp`. */
  readonly exposedPorts: readonly string[];
  /** Names and values as the image gives them: for people, never for control. */
  readonly labels: ReadonlyMap<string, string>;
  /** Digests of the uncompressed layers, bottom first. */
  readonly diffIds: readonly Digest[];
}

/** Largest image config that is read. */
export const maxConfigBytes: number = 8 * 1024 * 1024;
// one string of execve (MAX_ARG_STRLEN): a longer one could not be started anyway
const maxWord = 131_071;
const maxItems = 10_000;

/**
 * Decodes an image config, whose digest has been checked, field by field; what isn't named in {@link ImageConfig} is
 * left out.
 * @throws FAILED_PRECONDITION naming the field: wrong types, an environment entry without `=` or key, NUL, odd digests
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const what = "image config";
  if (bytes.byteLength > maxConfigBytes) throw badContent(what, `it is longer than ${maxConfigBytes} bytes`);
  const root = parseJsonObject(bytes, what);
  const inner = own(root, "config");
  const config = inner === undefined || inner === null ? {} : asObject(inner, `${what}: config`);
  return Object.freeze({
    platform: Object.freeze(parsePlatform(root, what)),
    created: optionalString(root, "created", what),
    author: optionalString(root, "author", what),
    env: words(config, "Env", what, checkEnv),
    entrypoint: words(config, "Entrypoint", what),
    cmd: words(config, "Cmd", what),
    user: line(config, "User", what),
    workingDir: optionalString(config, "WorkingDir", what),
    stopSignal: line(config, "StopSignal", what),
    volumes: keys(config, "Volumes", what),
    exposedPorts: keys(config, "ExposedPorts", what),
    labels: labels(config, what),
    diffIds: diffIds(root, what),
  });
}

function words(
  config: JsonObject,
  key: string,
  what: string,
  check?: (word: string, what: string) => void,
): readonly string[] {
  const value = own(config, key);
  if (value === undefined || value === null) return Object.freeze([]);
  const list = asArray(value, `${what}: ${key}`, maxItems).map((item, i) => {
    const at = `${what}: ${key} ${i + 1}`;
    const word = asString(item, at, maxWord);
    check?.(word, at);
    return word;
  });
  return Object.freeze(list);
}

function checkEnv(entry: string, what: string): void {
  const equals = entry.indexOf("=");
  if (equals < 0) throw badContent(what, `${quote(entry, 60)} has no "="`);
  if (equals === 0) throw badContent(what, `${quote(entry, 60)} has no name before "="`);
}

/** A field that ends up in line-oriented files and messages: no control characters. */
function line(config: JsonObject, key: string, what: string): string {
  const text = optionalString(config, key, what);
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x20 || c === 0x7f) throw badContent(`${what}: ${key}`, "it contains control characters");
  }
  return text;
}

/** The names of a Go set: `{"80/tcp": {}}`. */
function keys(config: JsonObject, key: string, what: string): readonly string[] {
  const value = own(config, key);
  if (value === undefined || value === null) return Object.freeze([]);
  const names = Object.keys(asObject(value, `${what}: ${key}`));
  return Object.freeze(asArray(names, `${what}: ${key}`, maxItems).map((name) => asString(name, `${what}: ${key}`)));
}

function labels(config: JsonObject, what: string): ReadonlyMap<string, string> {
  const value = own(config, "Labels");
  const entries = value === undefined || value === null ? [] : Object.entries(asObject(value, `${what}: Labels`));
  asArray(entries, `${what}: Labels`, maxItems);
  return freezeMap(
    new Map(
      entries.map(([name, text]) => [
        asString(name, `${what}: Labels`, maxWord),
        asString(text, `${what}: label ${quote(name, 60)}`, maxConfigBytes),
      ]),
    ),
  );
}

// Object.freeze leaves a Map's content open
function freezeMap(map: Map<string, string>): ReadonlyMap<string, string> {
  const refuse = (): never => {
    throw new TypeError("an image's labels are frozen");
  };
  return Object.freeze(Object.assign(map, { set: refuse, delete: refuse, clear: refuse }));
}

function diffIds(root: JsonObject, what: string): readonly Digest[] {
  const rootfs = asObject(own(root, "rootfs"), `${what}: rootfs`);
  if (own(rootfs, "type") !== "layers") throw badContent(`${what}: rootfs`, 'its type is not "layers"');
  const value = own(rootfs, "diff_ids");
  const list = value === undefined || value === null ? [] : asArray(value, `${what}: diff_ids`, maxLayers);
  return Object.freeze(
    list.map((item, i) => {
      if (isDigest(item)) return item;
      throw badContent(`${what}: diff_id ${i + 1}`, 'it is not "sha256:" and 64 lower-case hex digits');
    }),
  );
}
