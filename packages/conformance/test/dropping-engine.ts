// An engine that does not get one field of what the core asks it for.
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import {
  AttachRequestSchema,
  AuthConfigSchema,
  ContainerConfigSchema,
  ExecRequestSchema,
  ImageSpecSchema,
  PodSandboxConfigSchema,
  PortForwardRequestSchema,
} from "@keelson/cri-api/v1";
import type {
  ContainerEngine,
  ContainerRecord,
  Engine,
  ImageEngine,
  SandboxEngine,
  SandboxRecord,
  StreamEngine,
} from "@keelson/runtime-core/ports";
import type { Field } from "../src/case.ts";
import { dropField } from "./drop-field.ts";
import { placeOf, runtimeHandler } from "./drop-place.ts";

/** A field on its way to an engine. */
export interface Loss {
  readonly field: Field;
  /** `admit` hears it still: for what it refuses to be without. */
  readonly admitted: boolean;
}

export interface DroppingOptions {
  /** What is lost now. Undefined: nothing. */
  readonly loss: () => Loss | undefined;
  /** Also from what the engine shows as its own record. An engine that acts upon fields is not believed by that. */
  readonly fromInfo: boolean;
}

/** Stands between core and engine. The core's own records are whole. */
export function droppingEngine(engine: Engine, options: DroppingOptions): Engine {
  const lost = (): Field | undefined => {
    const field = options.loss()?.field;
    return field === undefined || placeOf(field) !== "port" ? undefined : field;
  };
  const drop: Drop = (schema, message) => {
    const field = lost();
    return field === undefined ? message : dropField(schema, message, field);
  };
  const admitted: Drop = (schema, message) => (options.loss()?.admitted === true ? message : drop(schema, message));
  const sandbox = <Record extends SandboxRecord | undefined>(record: Record): Record => {
    if (record === undefined || lost() === undefined) return record;
    const handler = lost() === runtimeHandler ? { runtimeHandler: "" } : {};
    return { ...record, config: drop(PodSandboxConfigSchema, record.config), ...handler };
  };
  const container = (record: ContainerRecord): ContainerRecord =>
    lost() === undefined ? record : { ...record, config: drop(ContainerConfigSchema, record.config) };
  const shown: Shown = options.fromInfo ? { sandbox, container } : { sandbox: same, container: same };
  return {
    ...engine,
    sandboxes: dropInSandboxes(engine.sandboxes, {
      drop: admitted,
      sandbox,
      shown,
      handler: (name) => (lost() === runtimeHandler && options.loss()?.admitted === false ? "" : name),
    }),
    containers: dropInContainers(engine.containers, { drop: admitted, sandbox, container, shown }),
    images: dropInImages(engine.images, drop),
    ...(engine.streams && { streams: dropInStreams(engine.streams, { drop, sandbox, container }) }),
    reconcile: (found, observer) =>
      engine.reconcile(
        {
          sandboxes: found.sandboxes.map((one) => ({ ...one, record: sandbox(one.record) })),
          containers: found.containers.map((one) => ({ ...one, record: container(one.record) })),
        },
        observer,
      ),
    close: () => engine.close(),
  };
}

type Drop = <Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>) => MessageShape<Desc>;

interface Records {
  readonly drop: Drop;
  readonly sandbox: <Record extends SandboxRecord | undefined>(record: Record) => Record;
  readonly container: (record: ContainerRecord) => ContainerRecord;
}

interface Shown {
  readonly sandbox: (record: SandboxRecord) => SandboxRecord;
  readonly container: (record: ContainerRecord) => ContainerRecord;
}

function same<T>(value: T): T {
  return value;
}

function dropInSandboxes(
  engine: SandboxEngine,
  how: Omit<Records, "container"> & { readonly shown: Shown; readonly handler: (name: string) => string },
): SandboxEngine {
  const { drop, sandbox, shown, handler } = how;
  return {
    admit: (config, name) => engine.admit(drop(PodSandboxConfigSchema, config), handler(name)),
    create: (record, journal, task) => engine.create(sandbox(record), journal, task),
    stop: (record, journal, progress) => engine.stop(sandbox(record), journal, progress),
    remove: (record, journal, progress) => engine.remove(sandbox(record), journal, progress),
    ...(engine.updateResources && {
      updateResources: async (record: SandboxRecord) => await engine.updateResources?.(sandbox(record)),
    }),
    inspect: (record) => engine.inspect(shown.sandbox(record)),
  };
}

function dropInContainers(engine: ContainerEngine, how: Records & { readonly shown: Shown }): ContainerEngine {
  const { drop, sandbox, container, shown } = how;
  return {
    admit: (config, pod) =>
      engine.admit(drop(ContainerConfigSchema, config), {
        ...pod,
        config: drop(PodSandboxConfigSchema, pod.config),
      }),
    create: (record, pod, journal, task) => engine.create(container(record), sandbox(pod), journal, task),
    start: (record, pod, journal, task) => engine.start(container(record), sandbox(pod), journal, task),
    signal: (record, signal) => engine.signal(container(record), signal),
    remove: (record, journal, progress) => engine.remove(container(record), journal, progress),
    exec: (record, request) => engine.exec(container(record), request),
    ...(engine.reopenLog && {
      reopenLog: async (record: ContainerRecord, pod: SandboxRecord | undefined) =>
        await engine.reopenLog?.(container(record), sandbox(pod)),
    }),
    ...(engine.updateResources && {
      updateResources: async (record: ContainerRecord) => await engine.updateResources?.(container(record)),
    }),
    inspect: (record) => engine.inspect(shown.container(record)),
  };
}

function dropInImages(engine: ImageEngine, drop: Drop): ImageEngine {
  return {
    list: (filter) => engine.list(filter && drop(ImageSpecSchema, filter)),
    status: (image) => engine.status(drop(ImageSpecSchema, image)),
    inspect: (image) => engine.inspect(drop(ImageSpecSchema, image)),
    pull: ({ image, auth, sandbox }, task) =>
      engine.pull(
        {
          image: drop(ImageSpecSchema, image),
          auth: auth && drop(AuthConfigSchema, auth),
          sandbox: sandbox && drop(PodSandboxConfigSchema, sandbox),
        },
        task,
      ),
    remove: (image) => engine.remove(drop(ImageSpecSchema, image)),
    resolve: (image) => engine.resolve(drop(ImageSpecSchema, image)),
    fsInfo: () => engine.fsInfo(),
  };
}

function dropInStreams(engine: StreamEngine, { drop, sandbox, container }: Records): StreamEngine {
  const { exec, attach, portForward } = engine;
  return {
    ...(exec && {
      exec: (record, request) => exec.call(engine, container(record), drop(ExecRequestSchema, request)),
    }),
    ...(attach && {
      attach: (record, request) => attach.call(engine, container(record), drop(AttachRequestSchema, request)),
    }),
    ...(portForward && {
      portForward: (record, request) =>
        portForward.call(engine, sandbox(record), drop(PortForwardRequestSchema, request)),
    }),
  };
}
