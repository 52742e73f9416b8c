// Programs that have nothing left to do: whoever holds a handle keeps them from ending.
import { connectCri } from "@keelson/cri-client";

const [what = "", runtimeEndpoint = ""] = process.argv.slice(2);

const programs: Readonly<Record<string, () => Promise<void>>> = {
  async "close after a call"() {
    const cri = await connectCri({ runtimeEndpoint });
    await cri.runtime.version({});
    cri.close();
  },
  async "close in the middle of a call"() {
    const cri = await connectCri({ runtimeEndpoint });
    const call = cri.runtime.reopenContainerLog({}).catch(() => undefined);
    await cri.runtime.version({});
    cri.close();
    await call;
  },
  async "close while events are followed"() {
    const cri = await connectCri({ runtimeEndpoint });
    try {
      for await (const event of cri.containerEvents()) if (event.type === "resync") cri.close();
    } catch {
      // a stream of a connection that was closed ends with an error
    }
  },
  async "close while the runtime is away"() {
    const away = Promise.withResolvers<void>();
    const cri = await connectCri({
      runtimeEndpoint,
      onEvent: (event) => {
        if (event.type === "state" && event.state.name === "redialing") away.resolve();
      },
    });
    // a connection alone keeps no process alive
    const alive = setInterval(() => {}, 1000);
    console.log("connected");
    await away.promise;
    clearInterval(alive);
    cri.close();
  },
  async "await using"() {
    const cri = await connectCri({ runtimeEndpoint });
    await cri.runtime.version({});
    await cri[Symbol.asyncDispose]();
  },
  async "never close"() {
    const cri = await connectCri({ runtimeEndpoint });
    await cri.runtime.version({});
  },
  async "leave a list"() {
    const cri = await connectCri({ runtimeEndpoint });
    for await (const sandbox of cri.lists.podSandboxes()) if (sandbox.id === "sandbox-7") break;
    cri.close();
  },
  async "fail to connect"() {
    await connectCri({ runtimeEndpoint }).catch(() => undefined);
  },
};
const program = programs[what];
if (program === undefined) throw new Error(`no such program: ${what}`);
await program();
console.log("last line");
