// Which calls an engine has no verb for, asked of a runtime that runs.
import { startFakeRuntime } from "../apps/fake-runtime/src/index.ts";
import { startNode } from "../apps/runtime/test/harness/start-node.ts";
import { isCriError } from "../packages/cri-api/src/errors.ts";
import { ImageService, RuntimeService } from "../packages/cri-api/src/gen/runtime/v1/api_pb.ts";
import { connectCri } from "../packages/cri-client/src/index.ts";
import type { EngineName } from "./cri-fields-declared.ts";

/** The calls that the engine does not serve, in the order of the proto. The Linux engine needs what `linuxGate` wants. */
export async function unservedCallsOf(engine: EngineName): Promise<readonly string[]> {
  const runtime = engine === "linux" ? await startNode() : await startFakeRuntime({});
  try {
    return await askUnserved(runtime.endpoint);
  } finally {
    await runtime.close();
  }
}

type Ask = (request: object, options: { readonly timeoutMs: number }) => Promise<unknown> | AsyncIterable<unknown>;

/** Makes every call once, of objects that nobody has. @returns the names of those that are answered UNIMPLEMENTED */
async function askUnserved(endpoint: string): Promise<readonly string[]> {
  const cri = await connectCri({ runtimeEndpoint: endpoint, onUnsupportedField: "send" });
  try {
    const unserved: string[] = [];
    for (const [service, client] of [
      [RuntimeService, cri.runtime],
      [ImageService, cri.images],
    ] as const) {
      for (const method of service.methods) {
        const ask = (client as unknown as Readonly<Record<string, Ask>>)[method.localName];
        if (ask === undefined) throw new Error(`the client has no call ${method.name}`);
        if (await isUnserved(ask, ofNobody(method.input))) unserved.push(method.name);
      }
    }
    return unserved;
  } finally {
    cri.close();
  }
}

async function isUnserved(ask: Ask, request: object): Promise<boolean> {
  try {
    const answer = ask(request, { timeoutMs: 1000 });
    // a stream says so before its first message
    if (Symbol.asyncIterator in answer) for await (const _ of answer) break;
    else await answer;
    return false;
  } catch (error) {
    return isCriError(error, "UNIMPLEMENTED");
  }
}

type InputDesc = (typeof RuntimeService.methods)[number]["input"];

/** A request that can't be wrong in itself and names nothing that there is. */
function ofNobody({ fields }: InputDesc): object {
  const filled = fields.flatMap((field): [string, unknown][] => {
    if (field.name.endsWith("_id")) return [[field.localName, "0".repeat(64)]];
    if (field.name === "cmd") return [[field.localName, ["true"]]];
    if (field.name === "stdout") return [[field.localName, true]];
    return [];
  });
  return Object.fromEntries(filled);
}
