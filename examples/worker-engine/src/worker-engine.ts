import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import { create } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { failedPrecondition, notFound, quote, unimplemented } from "@keelson/cri-api/errors";
import { formatLogLine } from "@keelson/cri-api/logs";
import * as v1 from "@keelson/cri-api/v1";
import type { Clock, Engine, EngineObserver } from "@keelson/runtime-core/ports";

/** An image: a module that runs in a thread, and what names it. */
export interface Program {
  readonly reference: string;
  readonly module: URL;
}

/** What a thread keeps of a configuration; whatever else is set asks for more. */
const keptFields: ReadonlySet<string> = new Set([
  ...["metadata", "labels", "annotations", "log_directory", "log_path", "image", "command", "args"],
  // threads share the node's network, have no users, and no process IDs or IPC that could be shared
  ...["network", "pid", "ipc"].map((name) => `linux.security_context.namespace_options.${name}`),
  "linux.security_context.namespace_options.userns_options.mode",
]);

/**
 * An engine whose containers are threads of this process, and whose images are modules of JavaScript: it needs no
 * privilege. A thread ends with the process, so a container that ran when the runtime ended has ended with 255.
 *
 * A program gets its container's configuration as `workerData`, says "started" when it has, writes its log with
 * `console`, is asked to stop by the message "stop", and ends its container with `process.exit`.
 */
export function createWorkerEngine(options: { readonly clock: Clock; readonly programs: readonly Program[] }): Engine {
  const { clock, programs } = options;
  const pulled = new Set<Program>();
  const running = new Map<string, { readonly worker: Worker; killed: boolean }>();
  let observer: EngineObserver | undefined;

  const known = (image: string): Program | undefined =>
    programs.find((one) => one.reference === image || idOf(one) === image);
  const onNode = (image: string): Program | undefined => [...pulled].find((one) => one === known(image));
  const resolve = async ({ image }: v1.ImageSpec): Promise<{ id: string; ref: string }> => {
    const found = onNode(image);
    if (found === undefined) throw notFound(`find image ${quote(image)}: it is not here`, { hint: "pull it" });
    return { id: idOf(found), ref: idOf(found) };
  };

  return {
    node: {
      conditions: async () => ({ runtime: ready, network: ready }),
      handlers: () => [create(v1.RuntimeHandlerSchema)],
      features: () => create(v1.RuntimeFeaturesSchema),
      cgroupDriver: () => v1.CgroupDriver.CGROUPFS,
      async updatePodCidr() {},
      inspect: async () => ({}),
    },
    sandboxes: {
      admit(config, handler) {
        if (handler !== "") throw notFound(`find runtime handler ${quote(handler)}: there is the default one only`);
        const { network } = config.linux?.securityContext?.namespaceOptions ?? {};
        if (network !== v1.NamespaceMode.NODE) throw refusal("linux.security_context.namespace_options.network");
        refuseOther(reflect(v1.PodSandboxConfigSchema, config));
      },
      create: async () => ({ ips: [] }),
      async stop() {},
      async remove() {},
      inspect: async () => ({}),
    },
    containers: {
      admit: (config) => refuseOther(reflect(v1.ContainerConfigSchema, config)),
      create: async () => ({ mounts: [] }),
      async start({ id, image, config, logPath }) {
        const program = onNode(image.id);
        if (program === undefined) throw notFound(`start container ${id}: its image is gone`);
        if (logPath !== "") mkdirSync(dirname(logPath), { recursive: true });
        const { command, args, annotations } = config;
        const data = { workerData: { command, args, annotations: { ...annotations } }, stdout: true, stderr: true };
        const worker = new Worker(program.module, data);
        const entry = { worker, killed: false };
        const logs = (["stdout", "stderr"] as const).map(async (stream) => {
          for await (const text of createInterface({ input: worker[stream] })) {
            if (logPath !== "") appendFileSync(logPath, formatLogLine({ timeNs: clock.now(), stream, text }));
          }
        });
        const online = new Promise<void>((yes, no) => worker.once("message", () => yes()).once("error", no));
        worker.on("exit", async (status) => {
          await Promise.all(logs);
          running.delete(id);
          const code = entry.killed ? 137 : status;
          const exit = {
            code,
            finishedAtNs: clock.now(),
            reason: code === 0 ? "Completed" : "Error",
            message: "",
          } as const;
          // a thread that never was ready is a start that failed
          await online.then(() => observer?.containerExited(id, exit)).catch(() => {});
        });
        running.set(id, entry);
        await online.catch((cause: Error) => {
          throw notFound(`start container ${id}: ${cause.message}`, { cause });
        });
        return { startedAtNs: clock.now(), pid: 0 };
      },
      async signal({ id }, signal) {
        const entry = running.get(id);
        if (signal === "stop") return entry?.worker.postMessage("stop");
        if (entry !== undefined) entry.killed = true;
        await entry?.worker.terminate();
      },
      async remove() {},
      exec: () => Promise.reject(unimplemented("exec in a container: a thread runs one program")),
      inspect: async ({ id }) => ({ info: { thread: running.get(id)?.worker.threadId ?? 0 } }),
    },
    images: {
      list: async (filter) => [...pulled].filter((one) => !filter?.image || one === onNode(filter.image)).map(describe),
      status: async ({ image }) => [onNode(image)].flatMap((one) => (one === undefined ? [] : [describe(one)]))[0],
      inspect: async () => ({}),
      async pull({ image }) {
        const found = known(image.image);
        if (found === undefined) throw notFound(`pull image ${quote(image.image)}: there is no such program`);
        pulled.add(found);
        return await resolve(image);
      },
      async remove({ image }) {
        for (const one of pulled) if (one === onNode(image)) pulled.delete(one);
      },
      resolve,
      fsInfo: async () => ({ imageFilesystems: [], containerFilesystems: [] }),
    },
    async reconcile({ sandboxes, containers }, heard) {
      observer = heard;
      const exit = {
        code: 255,
        finishedAtNs: clock.now(),
        reason: "Unknown",
        message: "the runtime has ended",
      } as const;
      const same = { kind: "same" } as const;
      const ran = ({ started, exit: ended }: { started?: unknown; exit?: unknown }): boolean => !!started && !ended;
      return {
        sandboxes: new Map(sandboxes.map(({ record }) => [record.id, same])),
        containers: new Map(containers.map(({ record }) => [record.id, ran(record) ? { kind: "exited", exit } : same])),
      };
    },
    async close() {
      await Promise.all([...running.values()].map(({ worker }) => worker.terminate()));
    },
  };
}

const ready = { status: true, reason: "", message: "" };
const idOf = ({ reference }: Program): string => `sha256:${createHash("sha256").update(reference).digest("hex")}`;
const describe = (one: Program): v1.Image =>
  create(v1.ImageSchema, { id: idOf(one), repoTags: [one.reference], size: 1n, username: "nobody" });
const refusal = (field: string): Error =>
  failedPrecondition(`${field}: a thread can't keep it`, { hint: "leave it out" });

function refuseOther(message: ReflectMessage, path = ""): void {
  for (const field of message.fields) {
    const name = path + field.name;
    if (!message.isSet(field) || keptFields.has(name)) continue;
    if (field.fieldKind !== "message") throw refusal(name);
    refuseOther(message.get(field), `${name}.`);
  }
}
