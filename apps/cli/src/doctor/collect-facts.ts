import process from "node:process";
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { formatEndpoint, parseEndpoint } from "@keelson/cri-api/endpoint";
import {
  CgroupDriver as CgroupDriverV1,
  type RuntimeConfigResponse,
  RuntimeFeaturesSchema,
  RuntimeHandlerFeaturesSchema,
  type StatusResponse,
} from "@keelson/cri-api/v1";
import { type CriVersion, criServices, criVersions } from "@keelson/cri-api/versions";
import { type Connection, openConnection, probeMethods, probeVersions } from "@keelson/cri-client/probe";
import { ask, clipped, failureOf } from "./ask.ts";
import type {
  Answer,
  CgroupDriver,
  EndpointFacts,
  Features,
  MethodAnswer,
  RuntimeFacts,
  Served,
  StatusFacts,
  VersionStrings,
} from "./facts.ts";

export interface CollectOptions {
  readonly endpoint: string;
  /** Default: the same. */
  readonly imageEndpoint?: string | undefined;
  /** For each of three rounds of questions at most: v1, v1alpha2, everything else. */
  readonly timeoutMs: number;
}

/** More than any runtime has; what is foreign is as much as its author likes. */
const mostItems = 100;

/**
 * Asks one endpoint everything that the judgement needs, and changes nothing there.
 * @throws INVALID_ARGUMENT for what is no endpoint; a peer that fails is a fact and no error
 */
export async function collectFacts(options: CollectOptions): Promise<EndpointFacts> {
  const { timeoutMs } = options;
  const cwd = process.cwd();
  const endpoint = parseEndpoint(options.endpoint, { cwd });
  const imageEndpoint = parseEndpoint(options.imageEndpoint ?? options.endpoint, { cwd });
  const runtimeConnection = openConnection(endpoint);
  const shared = formatEndpoint(endpoint) === formatEndpoint(imageEndpoint);
  const imageConnection = shared ? runtimeConnection : openConnection(imageEndpoint);
  try {
    const status = ask({ connection: runtimeConnection, method: criServices.v1.runtime.method.status, timeoutMs });
    const [runtime, image] = await Promise.all([
      askVersions({ connection: runtimeConnection, service: "runtime", timeoutMs, before: status }),
      askVersions({ connection: imageConnection, service: "image", timeoutMs, before: status }),
    ]);
    const [asked, cgroupDriver, runtimeMethods, imageMethods] = await Promise.all([
      askRuntime({ connection: runtimeConnection, served: runtime, timeoutMs, status: await status }),
      askDriver(runtimeConnection, runtime, timeoutMs),
      askMethods("RuntimeService", runtimeConnection, runtime, timeoutMs),
      askMethods("ImageService", imageConnection, image, timeoutMs),
    ]);
    return {
      endpoint: runtimeConnection.endpoint,
      imageEndpoint: imageConnection.endpoint,
      runtime,
      image,
      asked,
      cgroupDriver,
      methods: { ...runtimeMethods, ...imageMethods },
      methodsOf: { runtime: newestServed(runtime), image: newestServed(image) },
    };
  } finally {
    runtimeConnection.close();
    imageConnection.close();
  }
}

interface VersionsQuestion {
  readonly connection: Connection;
  readonly service: "runtime" | "image";
  readonly timeoutMs: number;
  /** What has to be answered before v1alpha2 is asked for. */
  readonly before: Promise<unknown>;
}

/**
 * v1's Status is asked before v1alpha2: containerd 1.7 takes that question for the use of an old interface, and shows it
 * in its conditions until its next start.
 */
async function askVersions({ connection, service, timeoutMs, before }: VersionsQuestion): Promise<Served> {
  const { transport, endpoint } = connection;
  const one = async (version: CriVersion): Promise<Served[CriVersion]> => {
    const answers = await probeVersions({ transport, endpoint, service, versions: [version], timeoutMs });
    const answer = answers.get(version);
    if (answer === undefined) throw new Error(`probe ${version} of ${endpoint}: no answer was returned`);
    if (answer.answer === "failed") return { answer: "failed", failure: failureOf(answer.error) };
    return answer;
  };
  const [v1, v1alpha2] = await Promise.all([one("v1"), before.then(() => one("v1alpha2"))]);
  return { v1, v1alpha2 };
}

interface RuntimeQuestion {
  readonly connection: Connection;
  readonly served: Served;
  readonly timeoutMs: number;
  /** v1's, which is known already. */
  readonly status: Answer<StatusResponse>;
}

async function askRuntime(question: RuntimeQuestion): Promise<Partial<Record<CriVersion, RuntimeFacts>>> {
  const { connection, served, timeoutMs } = question;
  const asked = criVersions
    .filter((version) => served[version].answer === "served")
    .map(async (version): Promise<[CriVersion, RuntimeFacts]> => {
      const { method } = criServices[version].runtime;
      const [strings, status] = await Promise.all([
        ask({ connection, method: method.version, timeoutMs }),
        version === "v1" ? question.status : ask({ connection, method: method.status, timeoutMs }),
      ]);
      return [version, { strings: withValue(strings, stringsOf), status: withValue(status, statusOf) }];
    });
  return Object.fromEntries(await Promise.all(asked)) as Partial<Record<CriVersion, RuntimeFacts>>;
}

async function askDriver(connection: Connection, served: Served, timeoutMs: number): Promise<Answer<CgroupDriver>> {
  if (served.v1.answer !== "served") return { answer: "unimplemented" };
  const { method } = criServices.v1.runtime;
  return withValue(await ask({ connection, method: method.runtimeConfig, timeoutMs }), driverOf);
}

async function askMethods(
  service: "RuntimeService" | "ImageService",
  { transport }: Connection,
  served: Served,
  timeoutMs: number,
): Promise<Record<string, MethodAnswer>> {
  const version = newestServed(served);
  if (version === undefined) return {};
  const methods = await probeMethods({ transport, version, timeoutMs });
  return Object.fromEntries([...methods].filter(([method]) => method.startsWith(`${service}/`)));
}

function newestServed(served: Served): CriVersion | undefined {
  return criVersions.find((version) => served[version].answer === "served");
}

function withValue<A, B>(answer: Answer<A>, map: (value: A) => B): Answer<B> {
  return answer.answer === "served" ? { answer: "served", value: map(answer.value) } : answer;
}

function stringsOf(answer: {
  readonly version: string;
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  readonly runtimeApiVersion: string;
}): VersionStrings {
  return {
    kubeletApiVersion: clipped(answer.version, 100),
    runtimeName: clipped(answer.runtimeName, 100),
    runtimeVersion: clipped(answer.runtimeVersion, 100),
    runtimeApiVersion: clipped(answer.runtimeApiVersion, 100),
  };
}

function statusOf({ status, runtimeHandlers, features }: StatusResponse): StatusFacts {
  return {
    conditions: (status?.conditions ?? []).slice(0, mostItems).map((condition) => ({
      type: clipped(condition.type, 100),
      status: condition.status,
      reason: clipped(condition.reason, 100),
      message: clipped(condition.message),
    })),
    handlers: runtimeHandlers.slice(0, mostItems).map((handler) => ({
      name: clipped(handler.name, 100),
      features: featuresOf(RuntimeHandlerFeaturesSchema, handler.features ?? create(RuntimeHandlerFeaturesSchema)),
    })),
    features: features === undefined ? undefined : featuresOf(RuntimeFeaturesSchema, features),
  };
}

function featuresOf<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): Features {
  const fields: readonly (readonly [string, unknown])[] = Object.entries(message);
  return Object.fromEntries(
    schema.fields.map(({ name, localName }) => [
      name,
      fields.some(([key, value]) => key === localName && value === true),
    ]),
  );
}

function driverOf({ linux }: RuntimeConfigResponse): CgroupDriver {
  if (linux === undefined) return "unset";
  if (linux.cgroupDriver === CgroupDriverV1.SYSTEMD) return "systemd";
  return linux.cgroupDriver === CgroupDriverV1.CGROUPFS ? "cgroupfs" : "unknown";
}
