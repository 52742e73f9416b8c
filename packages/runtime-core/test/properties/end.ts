import { isOk, messageOf, type Request } from "./calls.ts";
import { images } from "./pods.ts";
import { nameOf } from "./requests.ts";
import type { Run } from "./run.ts";
import { short } from "./shown.ts";
import { Violation } from "./violation.ts";

/** More steps than anything takes that is not stuck. */
const mostSteps = 20_000;

/** The machine fails no more. All that is under way ends, what failed can be done now, and nothing is left of it. */
export async function end(run: Run): Promise<void> {
  run.note("calm");
  run.faults.calm();
  run.restless = 0;
  await run.settleStart();
  await settle(run);
  checkQuiet(run);
  await retry(run);
  await removeAll(run);
  checkEmpty(run, "after all was removed", [...run.watcher.partly]);
  await run.end("stop");
  await run.settleStart();
  await settle(run);
  checkEmpty(run, "after a restart");
  await reuse(run);
  await removeAll(run);
  checkEmpty(run, "after each name was used again");
  await run.end("stop");
}

/** Until nobody waits for anything: calls, works, hidden objects, retries. */
async function settle(run: Run): Promise<void> {
  for (let steps = 0; ; steps++) {
    const { core, clock } = run.machine.life;
    const { works, pulls, sandboxJoins, containerJoins } = core;
    const busy = works.size + pulls.size + sandboxJoins.size + containerJoins.size + clock.pending;
    if (run.pending.length === 0 && busy === 0 && run.turns.ready === 0) return;
    if (steps > mostSteps) {
      const calls = run.pending.map(nameOf).join("; ");
      throw new Violation(
        "every call settles",
        `after ${mostSteps} steps calls wait: ${calls}; works: ${works.size}, pulls: ${pulls.size}, hidden: ${sandboxJoins.size} and ${containerJoins.size}, timers: ${clock.pending}`,
      );
    }
    await run.step();
  }
}

/** Calls that have to succeed now, one after the other. */
async function must(run: Run, request: Request, but: readonly string[] = []): Promise<unknown> {
  const answer = await run.done(request);
  if (isOk(answer)) return answer.value;
  if (but.includes(answer.code)) return undefined;
  const what = `${request.rpc} ${request.about}: ${answer.code} ${messageOf(answer)}`;
  throw new Violation("a failure leaves nothing", what);
}

function checkQuiet(run: Run): void {
  const { machine, watcher, notes, requests } = run;
  const { world, life } = machine;
  run.readers.check();
  const held = new Set(world.leftovers());
  for (const { id, kind, shown } of watcher.known.values()) {
    if (shown === undefined) continue;
    const whole = ["files", "cgroup", "namespaces", "shm", "address"].filter((what) => held.has(`${what} ${id}`));
    if (kind === "sandbox") {
      if (shown.state === "READY" && whole.length < 5) {
        throw new Violation("true answers", `sandbox ${short(id)} is READY and has only ${whole.join(", ")}`);
      }
      continue;
    }
    const runs = world.running().includes(id);
    // a start that was cut off and could not be reverted may run until it is removed
    if (runs !== (shown.state === "RUNNING") && shown.reason !== "CreateError") {
      throw new Violation(
        "true answers",
        `container ${short(id)} is ${shown.state}, and its process ${runs ? "runs" : "does not"}`,
      );
    }
    const limits = requests.limits.get(id);
    if (shown.limit !== 1_000_000n && limits?.has(shown.limit) !== true) {
      throw new Violation(
        "a failure leaves nothing",
        `container ${short(id)} has the limit ${shown.limit}, which was refused`,
      );
    }
    if (
      notes.limits.has(id) &&
      !notes.spoilt.has(id) &&
      notes.limits.get(id) !== shown.limit &&
      shown.state !== "EXITED"
    ) {
      throw new Violation(
        "a failure leaves nothing",
        `container ${short(id)} shows the limit ${shown.limit}, and ${notes.limits.get(id)} holds`,
      );
    }
  }
  for (const { id } of life.core.sandboxes.all())
    if (watcher.known.get(id)?.shown === undefined) throw hiddenForEver(id);
  for (const { id } of life.core.containers.all())
    if (watcher.known.get(id)?.shown === undefined) throw hiddenForEver(id);
  checkLogs(run);
}

const hiddenForEver = (id: string) => new Violation("no lost name", `${short(id)} has a record, and nobody sees it`);

/** Lines of a log and of what it was rotated to follow each other; with each container they begin anew. */
function checkLogs(run: Run): void {
  const { logs } = run.machine;
  for (const path of new Set(run.rotated)) {
    const parts = Array.from({ length: run.rotated.length }, (_, at) =>
      logs.read(`${path}.${String(at + 1).padStart(4, "0")}`),
    );
    const lines = [...parts, logs.read(path)].join("").matchAll(/line ([0-9]+)/g);
    let before = -1;
    for (const [, text] of lines) {
      const line = Number(text);
      if (line !== before + 1 && line !== 0)
        throw new Violation("no leaked resource", `log ${path}: line ${line} after ${before}`);
      before = line;
    }
  }
}

/** Each create that anybody has tried: it succeeds now, or its object is there. */
async function retry(run: Run): Promise<void> {
  for (const image of images) await must(run, run.images.pull(image));
  const tried = new Map(
    run.calls.filter(({ request }) => request.rpc === "RunPodSandbox").map((call) => [call.request.about, call]),
  );
  for (const call of tried.values()) {
    if (call.again !== undefined) await must(run, call.again(), ["AlreadyExists"]);
  }
}

async function removeAll(run: Run): Promise<void> {
  const { watcher, requests } = run;
  const of = (kind: "sandbox" | "container") =>
    [...watcher.known.values()].filter((one) => one.kind === kind && one.shown !== undefined);
  for (const { id } of of("container")) if (run.random.chance(0.3)) await must(run, requests.removeContainer(id));
  for (const { id } of of("sandbox")) await must(run, requests.removePodSandbox(id));
  for (const { id } of of("container")) await must(run, requests.removeContainer(id));
  await settle(run);
  run.readers.check();
}

function checkEmpty(run: Run, when: string, but: readonly string[] = []): void {
  const { world, life } = run.machine;
  const { sandboxes, containers } = life.core;
  const held = world.leftovers().filter((one) => !but.some((id) => one.endsWith(id)));
  const left = [...held, ...[...sandboxes.all(), ...containers.all()].map(({ id }) => `record ${id}`)];
  if (left.length > 0) throw new Violation("no leaked resource", `${when} there is ${left.join(", ")}`);
}

/** Every name that was ever asked for makes a whole pod. */
async function reuse(run: Run): Promise<void> {
  const tried = run.calls.flatMap(({ request }) =>
    request.rpc === "RunPodSandbox" ? [request.about.split(" ")[0] ?? ""] : [],
  );
  for (const [name = "", attempt] of [...new Set(tried)].map((one) => one.split("/"))) {
    const pod = { name, attempt: Number(attempt), variant: "X" };
    const { podSandboxId } = (await must(run, run.requests.runPodSandbox(pod))) as { podSandboxId: string };
    const wanted = { name: "main", attempt: 0, script: "runs until stopped", image: images[0] };
    const made = await must(run, run.requests.createContainer(podSandboxId, wanted));
    await must(run, run.requests.startContainer((made as { containerId: string }).containerId));
  }
}
