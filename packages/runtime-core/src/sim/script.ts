import type { LogStream } from "@keelson/cri-api/logs";
import { type Fields, readFields } from "./script-reader.ts";

/**
 * What a simulated node has and what its containers do: data, never a program. Every field may be left out.
 * @example
 * ```ts
 * const script: Script = {
 *   images: ["docker.io/library/busybox:1.36"],
 *   containers: { web: { log: [{ text: "hello" }], exit: { code: 3, afterMs: 50 } } },
 * };
 * ```
 */
export interface Script {
  /** The images that a pull finds, references or more. Default: those of the CRI conformance suite. */
  readonly images?: readonly (string | ScriptImage)[];
  /** What a container does, by its metadata's name. */
  readonly containers?: Readonly<Record<string, ContainerScript>>;
  /** Runtime handlers beside the default one. */
  readonly handlers?: readonly string[];
  /** Pods get an address of IPv6, too. Default false. */
  readonly dualStack?: boolean;
  /** Why pods get no network of their own. Default: they get one. */
  readonly networkOutage?: string;
}

export interface ScriptImage {
  readonly ref: string;
  /** References with the same content are one image with several names. Default: the reference itself. */
  readonly content?: string;
  /** The digest by which the registry has it, `sha256:` and 64 hexadecimal digits. Default: drawn from the content. */
  readonly digest?: string;
  /** As in a Dockerfile: a name or number, and perhaps a group: `1002`, `www-data:www-data`. Default: root. */
  readonly user?: string;
  /** Default SIGTERM. */
  readonly stopSignal?: string;
  /** Default: drawn from the content. */
  readonly sizeBytes?: number;
  /** Of the image itself, told as `Image.spec.annotations`. Default: none. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** The node keeps it: `Image.pinned`. Default false. */
  readonly pinned?: boolean;
  /** Who may pull it. Default: everybody. */
  readonly login?: ScriptLogin;
}

/** What the registry of an image wants: one of these. They are data of a test, and no secrets. */
export interface ScriptLogin {
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

/** Without `exit` the container runs until it is stopped. All times count from its start. */
export interface ContainerScript {
  readonly log?: readonly ScriptLine[];
  readonly exit?: ScriptExit;
  /**
   * Instead of `exit`: it ends when its standard input does, at once where the container asks for none, and never where
   * it asks for one, since nobody can write to it.
   */
  readonly endOfInput?: { readonly code: number };
  /**
   * What a stop signal does: nothing, or this exit. Default: it ends the container at once with 128 + its number. A
   * kill always ends it with 137.
   */
  readonly stop?: "ignore" | ScriptStop;
  /** The start fails with this message, as when the command is not in the image. */
  readonly startError?: string;
  /** Answers of ExecSync: the first that fits the command. What has none exits with 0 and says nothing. */
  readonly exec?: readonly ScriptExec[];
  /** What statistics show of it while it runs. Default: one process that waits. */
  readonly usage?: readonly ScriptUsage[];
}

/** What a container uses from some moment on. What an entry does not name stays as it was. */
export interface ScriptUsage {
  /** Default 0. */
  readonly atMs?: number;
  /** Thousandths of a CPU. Default 1. */
  readonly cpuMillis?: number;
  /** Without page cache. Default 1 MiB. */
  readonly memoryBytes?: number;
  /** Page cache that was not used lately. Default 0. */
  readonly cacheBytes?: number;
  /** Written into its root file system so far. Default 0. */
  readonly writtenBytes?: number;
  /** Default 1. */
  readonly processes?: number;
  /** Received and sent over the pod's network so far. Default 0. */
  readonly receivedBytes?: number;
  readonly sentBytes?: number;
  /** Names of network interfaces that it has added to its pod. Default: none. */
  readonly interfaces?: readonly string[];
  /** Thousandths of the time that its processes wait for CPU, memory and disks. Default 1. */
  readonly stalledMillis?: number;
}

export interface ScriptLine {
  /** Written as one line; line feeds in it make more. */
  readonly text: string;
  /** Default stdout. */
  readonly stream?: LogStream;
  /** Default 0. */
  readonly atMs?: number;
}

export interface ScriptExit {
  /** 0 to 255. */
  readonly code: number;
  /** Default 0: soon after the start. */
  readonly afterMs?: number;
  /** It went over its memory limit. */
  readonly oomKilled?: boolean;
}

export interface ScriptStop {
  /** Default 128 + the signal's number. */
  readonly code?: number;
  /** From the signal on. Default 0. */
  readonly afterMs?: number;
  /** Logged when the signal comes. */
  readonly log?: readonly ScriptLine[];
}

export interface ScriptExec {
  /** The exact words. Default: any command. */
  readonly command?: readonly string[];
  /** Default 0. */
  readonly code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
  /** How long it takes. Default 0. */
  readonly afterMs?: number;
  /** There is no such command in the container. */
  readonly notFound?: boolean;
}

/** A script that has been checked. Foreign names are keys of a Map. */
export interface CheckedScript {
  /** Undefined: the conformance suite's. */
  readonly images: readonly ScriptImage[] | undefined;
  readonly containers: ReadonlyMap<string, ContainerScript>;
  readonly handlers: readonly string[];
  readonly dualStack: boolean;
  readonly networkOutage: string | undefined;
}

/**
 * Checks a script that somebody else wrote.
 * @param where what the script is, for the message, for instance `--script web.json`
 * @throws INVALID_ARGUMENT with every mistake and its path
 */
export function parseScript(value: unknown, where = "script"): CheckedScript {
  return readFields(value, where, (root) => ({
    images: root.optionalList("images", (item) =>
      item.isText() ? { ref: item.asText(512) } : readImage(item.asFields()),
    ),
    containers: root.map("containers", readContainer),
    handlers: root.optionalList("handlers", (item) => item.asText(63)) ?? [],
    dualStack: false,
    ...root.optional("dualStack", (item) => item.asFlag()),
    networkOutage: undefined,
    ...root.optional("networkOutage", (item) => item.asText(4096)),
  }));
}

/**
 * Checks the script of one container.
 * @throws INVALID_ARGUMENT with every mistake and its path
 */
export function parseContainerScript(value: unknown, where = "container script"): ContainerScript {
  return readFields(value, where, readContainer);
}

function readImage(fields: Fields): ScriptImage {
  return {
    ref: fields.text("ref", 512),
    ...fields.optional("content", (item) => item.asText(512)),
    ...fields.optional("digest", (item) => item.asMatch(/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hexadecimal digits")),
    ...fields.optional("user", (item) => item.asText(256)),
    ...fields.optional("stopSignal", (item) => item.asText(32)),
    ...fields.optional("sizeBytes", (item) => item.asInteger(1, Number.MAX_SAFE_INTEGER)),
    ...fields.optional("annotations", (item) => Object.fromEntries(item.asTexts(4096))),
    ...fields.optional("pinned", (item) => item.asFlag()),
    ...fields.optional("login", (item) => readLogin(item.asFields())),
  };
}

function readLogin(fields: Fields): ScriptLogin {
  return {
    ...fields.optional("username", (item) => item.asText(256)),
    ...fields.optional("password", (item) => item.asText(4096)),
    ...fields.optional("identityToken", (item) => item.asText(4096)),
    ...fields.optional("registryToken", (item) => item.asText(4096)),
  };
}

function readContainer(fields: Fields): ContainerScript {
  return {
    ...fields.optional("log", (item) => item.asList((line) => readLine(line.asFields()))),
    ...fields.optional("exit", (item) => readExit(item.asFields())),
    ...fields.optional("endOfInput", (item) => ({ code: item.asFields().integer("code", 0, 255) })),
    ...fields.optional("stop", (item) =>
      item.isText() ? item.asOneOf<"ignore">(["ignore"]) : readStop(item.asFields()),
    ),
    ...fields.optional("startError", (item) => item.asText(4096)),
    ...fields.optional("exec", (item) => item.asList((answer) => readExec(answer.asFields()))),
    ...fields.optional("usage", (item) => item.asList((usage) => readUsage(usage.asFields()))),
  };
}

function readLine(fields: Fields): ScriptLine {
  return {
    text: fields.text("text", 1024 * 1024),
    ...fields.optional("stream", (item) => item.asOneOf<LogStream>(["stdout", "stderr"])),
    ...fields.optional("atMs", (item) => item.asInteger(0, longestMs)),
  };
}

function readExit(fields: Fields): ScriptExit {
  return {
    code: fields.integer("code", 0, 255),
    ...fields.optional("afterMs", (item) => item.asInteger(0, longestMs)),
    ...fields.optional("oomKilled", (item) => item.asFlag()),
  };
}

function readStop(fields: Fields): ScriptStop {
  return {
    ...fields.optional("code", (item) => item.asInteger(0, 255)),
    ...fields.optional("afterMs", (item) => item.asInteger(0, longestMs)),
    ...fields.optional("log", (item) => item.asList((line) => readLine(line.asFields()))),
  };
}

function readExec(fields: Fields): ScriptExec {
  return {
    ...fields.optional("command", (item) => item.asList((word) => word.asText(64 * 1024))),
    ...fields.optional("code", (item) => item.asInteger(0, 255)),
    ...fields.optional("stdout", (item) => item.asText(16 * 1024 * 1024)),
    ...fields.optional("stderr", (item) => item.asText(16 * 1024 * 1024)),
    ...fields.optional("afterMs", (item) => item.asInteger(0, longestMs)),
    ...fields.optional("notFound", (item) => item.asFlag()),
  };
}

function readUsage(fields: Fields): ScriptUsage {
  return {
    ...fields.optional("atMs", (item) => item.asInteger(0, longestMs)),
    ...fields.optional("cpuMillis", (item) => item.asInteger(0, 1_000_000)),
    ...fields.optional("memoryBytes", (item) => item.asInteger(0, Number.MAX_SAFE_INTEGER)),
    ...fields.optional("cacheBytes", (item) => item.asInteger(0, Number.MAX_SAFE_INTEGER)),
    ...fields.optional("writtenBytes", (item) => item.asInteger(0, Number.MAX_SAFE_INTEGER)),
    ...fields.optional("processes", (item) => item.asInteger(0, 1_000_000)),
    ...fields.optional("receivedBytes", (item) => item.asInteger(0, Number.MAX_SAFE_INTEGER)),
    ...fields.optional("sentBytes", (item) => item.asInteger(0, Number.MAX_SAFE_INTEGER)),
    ...fields.optional("interfaces", (item) => item.asList((name) => name.asText(15))),
    ...fields.optional("stalledMillis", (item) => item.asInteger(0, 1000)),
  };
}

/** A year. */
const longestMs = 366 * 24 * 3600 * 1000;
