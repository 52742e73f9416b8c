import { isCriError, quote } from "@keelson/cri-api/errors";
import { programFolders } from "../../sys/find-program.ts";
import { ProcessError } from "../../sys/process-error.ts";
import { run } from "../../sys/run.ts";
import { findPlugin } from "./find-plugin.ts";
import { asObject, field, parseForeignJson } from "./foreign-json.ts";
import { CniPluginError, type CniVerb } from "./plugin-error.ts";

/** What a plugin is told about the attachment (CNI specification, section 2, "Parameters"). */
export interface AttachmentParameters {
  readonly containerId: string;
  /** Path of the network namespace; "" for a DEL after the namespace went away. */
  readonly netnsPath: string;
  readonly interfaceName: string;
  /** CNI_ARGS. Neither keys nor values hold `;` or `=`. */
  readonly args: readonly (readonly [key: string, value: string])[];
}

export interface PluginCall {
  readonly verb: CniVerb;
  readonly network: string;
  readonly plugin: string;
  /** The request configuration as JSON text. */
  readonly config: string;
  /** Undefined for the verbs that concern no attachment. */
  readonly attachment: AttachmentParameters | undefined;
  readonly binDirs: readonly string[];
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

const resultCapBytes = 1024 * 1024;

/**
 * Runs a plugin's binary once and answers what it wrote to standard output. It gets an environment of its own: the CNI
 * parameters and a fixed PATH (plugins start iptables and the like); nothing of ours.
 * @throws CniPluginError; FAILED_PRECONDITION when there is no such plugin
 */
export async function execPlugin(call: PluginCall): Promise<Buffer> {
  const path = findPlugin(call.plugin, call.binDirs);
  const { attachment, signal } = call;
  const fail = (message: string): CniPluginError => new CniPluginError({ ...call, message });
  const result = await run([path], {
    env: {
      PATH: programFolders.join(":"),
      CNI_COMMAND: call.verb,
      CNI_PATH: call.binDirs.join(":"),
      ...(attachment === undefined ? {} : attachmentEnv(attachment)),
    },
    stdinBytes: Buffer.from(call.config),
    deadlineMs: call.deadlineMs,
    stdoutCapBytes: resultCapBytes,
    anyExit: true,
    ...(signal === undefined ? {} : { signal }),
  }).catch((cause: unknown) => {
    throw describeFailure(call, cause);
  });
  if (result.stdoutTruncated) throw fail(`wrote more than ${resultCapBytes} bytes`);
  if (result.exit.code === 0) return result.stdout;
  const { code, msg, details } = readErrorObject(result.stdout);
  if (code !== undefined || msg !== undefined) {
    throw new CniPluginError({ ...call, cniCode: code, message: msg ?? "", details: details ?? "" });
  }
  const how =
    result.exit.signal === undefined ? `exit code ${result.exit.code}` : `killed by signal ${result.exit.signal}`;
  const said = result.stderr.subarray(-2_048).toString("utf8").trim();
  throw fail(`${how} without an error object${said === "" ? "" : `; it wrote ${quote(said, 1_000)}`}`);
}

function attachmentEnv(attachment: AttachmentParameters): Record<string, string> {
  return {
    CNI_CONTAINERID: attachment.containerId,
    CNI_NETNS: attachment.netnsPath,
    CNI_IFNAME: attachment.interfaceName,
    CNI_ARGS: attachment.args.map(([key, value]) => `${key}=${value}`).join(";"),
  };
}

/** Deadline, cancellation and a program that could not be started at all keep their category. */
function describeFailure(call: PluginCall, cause: unknown): unknown {
  if (!isCriError(cause)) return cause;
  const tail = cause instanceof ProcessError ? cause.stderrTail.trim() : "";
  const message = `${cause.message.replace(/^run "[^"]*": /, "")}${tail === "" ? "" : `; it wrote ${quote(tail, 1_000)}`}`;
  return new CniPluginError({ ...call, message }, { code: cause.code, cause });
}

interface ErrorObject {
  readonly code: number | undefined;
  readonly msg: string | undefined;
  readonly details: string | undefined;
}

/** Takes of a failed plugin's output what can be read; a broken error object must not hide that the plugin failed. */
function readErrorObject(stdout: Uint8Array): ErrorObject {
  try {
    const object = asObject(parseForeignJson(stdout, { maxBytes: resultCapBytes }), "error object");
    const code = field(object, "code");
    const text = (key: string): string | undefined => {
      const value = field(object, key);
      return typeof value === "string" ? value.slice(0, 4_096) : undefined;
    };
    return {
      code: Number.isSafeInteger(code) ? (code as number) : undefined,
      msg: text("msg"),
      details: text("details"),
    };
  } catch (error) {
    if (isCriError(error, "INVALID_ARGUMENT")) return { code: undefined, msg: undefined, details: undefined };
    throw error;
  }
}
