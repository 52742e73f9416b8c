import { connect, endpointOf, type GlobalOptions } from "../endpoint.ts";
import { printableLine } from "../output/printable.ts";

export async function version(options: GlobalOptions): Promise<string> {
  await using cri = await connect(options);
  const answer = await cri.runtime.version({});
  return [
    `runtime    ${printableLine(answer.runtimeName)} ${printableLine(answer.runtimeVersion)}`,
    `CRI        ${cri.version}`,
    `endpoint   ${endpointOf(options)}`,
  ].join("\n");
}
