import { quote } from "@keelson/cri-api/errors";
import {
  ContainerConfigSchema,
  ContainerUserSchema,
  MountSchema,
  PodSandboxConfigSchema,
  type Signal,
} from "@keelson/cri-api/v1";
import type {
  ContainerExit,
  ContainerFacts,
  ContainerRecord,
  ExitReason,
  SandboxFacts,
  SandboxRecord,
  StartFacts,
  StepRecord,
} from "../ports/index.ts";
import { isObjectId } from "./object-id.ts";
import {
  asStored,
  decodeMessage,
  encodeMessage,
  integer,
  json,
  list,
  nanoseconds,
  optional,
  type Stored,
  text,
  wrong,
} from "./stored.ts";

/** How records are written to the store and read again. */
export interface RecordCodec<R> {
  encode(record: R): Uint8Array;
  /** @throws Error that names the field when the bytes are no such record */
  decode(bytes: Uint8Array): R;
}

/** The version of what is written. A reader refuses what a newer version wrote. */
const recordVersion = 1;

/** Thrown for a record that a newer version of the runtime wrote. */
export class NewerRecord extends Error {
  constructor(version: number) {
    super(`record of version ${version}, this runtime reads up to ${recordVersion}`);
    this.name = "NewerRecord";
  }
}

export const sandboxCodec: RecordCodec<SandboxRecord> = {
  encode: (record) =>
    write({
      ...record,
      config: encodeMessage(PodSandboxConfigSchema, record.config),
      createdAtNs: String(record.createdAtNs),
      stoppedAtNs: record.stoppedAtNs === undefined ? undefined : String(record.stoppedAtNs),
    }),
  decode(bytes) {
    const from = read(bytes);
    const facts = optional(from, "facts", sandboxFacts);
    const stoppedAtNs = optional(from, "stoppedAtNs", nanoseconds);
    const lost = optional(from, "lost", text);
    const failed = optional(from, "failed", text);
    return {
      id: id(from, "id"),
      config: decodeMessage(PodSandboxConfigSchema, from.config, "config"),
      runtimeHandler: text(from, "runtimeHandler"),
      createdAtNs: nanoseconds(from, "createdAtNs"),
      steps: list(from, "steps").map(step),
      ...(facts === undefined ? {} : { facts }),
      ...(stoppedAtNs === undefined ? {} : { stoppedAtNs }),
      ...(lost === undefined ? {} : { lost }),
      ...(failed === undefined ? {} : { failed }),
    };
  },
};

export const containerCodec: RecordCodec<ContainerRecord> = {
  encode: (record) =>
    write({
      ...record,
      config: encodeMessage(ContainerConfigSchema, record.config),
      createdAtNs: String(record.createdAtNs),
      facts: record.facts && {
        mounts: record.facts.mounts.map((mount) => encodeMessage(MountSchema, mount)),
        user: record.facts.user && encodeMessage(ContainerUserSchema, record.facts.user),
        stopSignal: record.facts.stopSignal,
      },
      started: record.started && { ...record.started, startedAtNs: String(record.started.startedAtNs) },
      exit: record.exit && { ...record.exit, finishedAtNs: String(record.exit.finishedAtNs) },
    }),
  decode(bytes) {
    const from = read(bytes);
    const image = asStored(from.image, "image");
    const facts = optional(from, "facts", containerFacts);
    const started = optional(from, "started", startFacts);
    const exit = optional(from, "exit", containerExit);
    const failed = optional(from, "failed", text);
    return {
      id: id(from, "id"),
      sandboxId: id(from, "sandboxId"),
      config: decodeMessage(ContainerConfigSchema, from.config, "config"),
      createdAtNs: nanoseconds(from, "createdAtNs"),
      image: { id: text(image, "id"), ref: text(image, "ref") },
      logPath: text(from, "logPath"),
      steps: list(from, "steps").map(step),
      ...(facts === undefined ? {} : { facts }),
      ...(started === undefined ? {} : { started }),
      ...(exit === undefined ? {} : { exit }),
      ...(failed === undefined ? {} : { failed }),
    };
  },
};

function write(fields: Readonly<Record<string, unknown>>): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version: recordVersion, ...fields }));
}

function read(bytes: Uint8Array): Stored {
  const from = asStored(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)), "record");
  const version = integer(from, "version");
  if (version > recordVersion) throw new NewerRecord(version);
  if (version < 1) throw new Error(`record of version ${version}`);
  return from;
}

function id(from: Stored, field: string): string {
  const value = text(from, field);
  if (!isObjectId(value)) throw new Error(`read ${field}: not an ID`);
  return value;
}

function step(value: unknown): StepRecord {
  const from = asStored(value, "step");
  const facts = optional(from, "facts", json);
  return { name: text(from, "name"), plan: json(from, "plan"), ...(facts === undefined ? {} : { facts }) };
}

function sandboxFacts(from: Stored, field: string): SandboxFacts {
  const ips = list(asStored(from[field], field), "ips");
  return {
    ips: ips.map((ip) => {
      if (typeof ip !== "string") throw wrong("ips", "strings", ip);
      return ip;
    }),
  };
}

function containerFacts(from: Stored, field: string): ContainerFacts {
  const facts = asStored(from[field], field);
  const user = optional(facts, "user", text);
  const stopSignal = optional(facts, "stopSignal", integer);
  return {
    mounts: list(facts, "mounts").map((mount) => decodeMessage(MountSchema, mount, "mounts")),
    ...(user === undefined ? {} : { user: decodeMessage(ContainerUserSchema, user, "user") }),
    ...(stopSignal === undefined ? {} : { stopSignal: stopSignal as Signal }),
  };
}

function startFacts(from: Stored, field: string): StartFacts {
  const started = asStored(from[field], field);
  return { startedAtNs: nanoseconds(started, "startedAtNs"), pid: integer(started, "pid") };
}

const exitReasons: readonly string[] = [
  "Completed",
  "Error",
  "OOMKilled",
  "StartError",
  "Unknown",
] satisfies ExitReason[];

function containerExit(from: Stored, field: string): ContainerExit {
  const exit = asStored(from[field], field);
  const reason = text(exit, "reason");
  if (!exitReasons.includes(reason)) throw new Error(`read reason: unknown reason ${quote(reason)}`);
  return {
    code: integer(exit, "code"),
    finishedAtNs: nanoseconds(exit, "finishedAtNs"),
    reason: reason as ExitReason,
    message: text(exit, "message"),
  };
}
