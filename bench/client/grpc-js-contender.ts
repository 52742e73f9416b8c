import { credentials, makeClientConstructor } from "@grpc/grpc-js";
import { type Contender, deadlineMs, longestAnswerBytes } from "./contender.ts";
import { runtimeServiceDefinition } from "./runtime-service-definition.ts";

type Answer<Response> = (error: Error | null, response: Response) => void;
type Call<Response> = (request: object, options: { deadline: number }, answer: Answer<Response>) => void;

/** `@grpc/grpc-js` over `@grpc/proto-loader`, as their READMEs put them together. */
export async function open(socket: string): Promise<Contender> {
  const Client = makeClientConstructor(runtimeServiceDefinition(), "RuntimeService");
  const insecure = credentials.createInsecure();
  const client = new Client(`unix://${socket}`, insecure, { "grpc.max_receive_message_length": longestAnswerBytes });
  const caller = <Response>(name: string): (() => Promise<Response>) => {
    const call = (client[name] as Call<Response>).bind(client);
    return () =>
      new Promise((resolve, reject) => {
        const answer: Answer<Response> = (error, response) => (error === null ? resolve(response) : reject(error));
        call({}, { deadline: Date.now() + deadlineMs }, answer);
      });
  };
  const list = caller<{ readonly containers: readonly unknown[] }>("ListContainers");
  return {
    version: caller<unknown>("Version"),
    listContainers: async () => (await list()).containers.length,
    close: () => client.close(),
  };
}
