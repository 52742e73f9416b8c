import type { Call, Request } from "./calls.ts";
import { images, scriptNames } from "./pods.ts";
import type { Run } from "./run.ts";
import { type Shown, short } from "./shown.ts";

const weights = {
  run: 6,
  create: 20,
  start: 12,
  stop: 7,
  shorten: 6,
  remove: 5,
  stopPod: 4,
  removePod: 4,
  containerStatus: 2,
  podStatus: 2,
  lists: 2,
  exec: 6,
  update: 4,
  updatePod: 1,
  rotate: 3,
  pull: 4,
  removeImage: 1,
  imageStatus: 2,
  leave: 6,
  again: 8,
  claim: 6,
  breakPod: 2,
  join: 1,
  unjoin: 1,
  wait: 2,
} as const;

/** Who asks for things, and what else happens on a machine. */
export class Callers {
  readonly #run: Run;
  #limits = 2_000_000n;
  #rotations = 0;

  constructor(run: Run) {
    this.#run = run;
  }

  /** Images, and some pods that run, before anything goes wrong. */
  async furnish(): Promise<void> {
    const { random, requests, images: ofImages } = this.#run;
    for (const image of images) await this.#run.done(ofImages.pull(image));
    for (const name of ["a", "b"]) {
      await this.#run.done(requests.runPodSandbox({ name, attempt: 0, variant: "X" }));
      const pod = this.#any("sandbox", "READY");
      for (const one of ["main", "side"]) {
        if (pod === undefined || random.chance(0.3)) continue;
        const script = random.chance(0.25) ? "talks" : (random.any(scriptNames) ?? "");
        await this.#run.done(requests.createContainer(pod.id, { name: one, attempt: 0, script, image: images[0] }));
        const container = this.#any("container", "CREATED");
        if (container !== undefined && random.chance(0.7)) await this.#run.done(requests.startContainer(container.id));
      }
    }
  }

  /** One thing happens. */
  act(): void {
    const { random } = this.#run;
    this.#acts[random.weighted(weights)]();
  }

  readonly #acts: Readonly<Record<keyof typeof weights, () => void>> = {
    run: () => {
      const { random } = this.#run;
      const wanted = {
        name: random.pick(["a", "b", "c"]),
        attempt: random.integer(2),
        variant: random.chance(0.7) ? "X" : "Y",
      };
      this.#send(() => this.#run.requests.runPodSandbox(wanted));
    },
    create: () => {
      const { random } = this.#run;
      const pod = this.#any("sandbox", "READY") ?? this.#any("sandbox");
      if (pod === undefined) return;
      const wanted = {
        name: random.pick(["main", "side"]),
        attempt: random.integer(3),
        script: random.any(scriptNames) ?? "",
        image: random.chance(0.8) ? images[0] : images[1],
      };
      this.#send(() => this.#run.requests.createContainer(pod.id, wanted));
    },
    start: () => this.#forContainer("CREATED", (id) => this.#run.requests.startContainer(id)),
    stop: () => {
      const timeout = this.#run.random.pick([0, 1, 10, 30]);
      this.#forContainer("RUNNING", (id) => this.#run.requests.stopContainer(id, timeout));
      if (timeout >= 10 && this.#run.random.chance(0.3)) this.#acts.shorten();
    },
    shorten: () => {
      const { calls, watcher, requests } = this.#run;
      const timeout = this.#run.random.integer(2);
      const stop = calls.findLast(({ request, answer }) => request.rpc === "StopContainer" && answer === undefined);
      const [name = "", seconds] = stop?.request.about.split(" ") ?? [];
      const one = [...watcher.known.values()].find(({ id, shown }) => shown?.state === "RUNNING" && short(id) === name);
      if (one === undefined || Number(seconds) < 2 || this.#run.notes.signals.get(one.id)?.at(-1)?.which === "kill")
        return;
      watcher.shortened.add(one.id);
      this.#send(() => requests.stopContainer(one.id, timeout));
    },
    remove: () => this.#forContainer("EXITED", (id) => this.#run.requests.removeContainer(id)),
    stopPod: () => this.#forPod("READY", (id) => this.#run.requests.stopPodSandbox(id)),
    removePod: () => this.#forPod("NOTREADY", (id) => this.#run.requests.removePodSandbox(id)),
    containerStatus: () => this.#forContainer("RUNNING", (id) => this.#run.requests.containerStatus(id)),
    podStatus: () => this.#forPod("READY", (id) => this.#run.requests.podSandboxStatus(id)),
    lists: () => {
      const { requests, images: ofImages, random } = this.#run;
      const lists: [() => Request, ...(() => Request)[]] = [
        () => requests.listContainers() as Request,
        () => requests.listPodSandbox() as Request,
        () => ofImages.list() as Request,
      ];
      this.#send(random.pick(lists));
    },
    exec: () => {
      const { random, requests } = this.#run;
      const command = random.pick(["true", "slow", "slow", "lost"]);
      const timeout = random.pick([0, 1, 10]);
      this.#forContainer("RUNNING", (id) => requests.execSync(id, command, timeout));
    },
    update: () => {
      const limit = ++this.#limits;
      const state = this.#run.random.pick(["CREATED", "RUNNING"]);
      this.#forContainer(state, (id) => this.#run.requests.updateContainerResources(id, limit));
    },
    updatePod: () => {
      const limit = ++this.#limits;
      this.#forPod("READY", (id) => this.#run.requests.updatePodSandboxResources(id, limit));
    },
    rotate: () => {
      const one = this.#any("container", "RUNNING");
      if (one === undefined) return;
      const { logs } = this.#run.machine;
      const path = this.#run.machine.life.core.containers.get(one.id)?.logPath ?? "";
      if (logs.read(path) === "") return;
      logs.rename(path, `${path}.${String(++this.#rotations).padStart(4, "0")}`);
      this.#run.rotated.push(path);
      this.#send(() => this.#run.requests.reopenContainerLog(one.id));
    },
    pull: () => this.#forImage((image) => this.#run.images.pull(image)),
    removeImage: () => this.#forImage((image) => this.#run.images.remove(image)),
    imageStatus: () => this.#forImage((image) => this.#run.images.status(image)),
    leave: () => {
      const call = this.#run.random.any(this.#run.pending);
      if (call === undefined) return;
      this.#run.leave(call);
      // most have no more patience the next time, but ask again
      if (this.#run.random.chance(0.3)) this.#repeat(call);
    },
    again: () => {
      const { random, calls } = this.#run;
      const all = calls.filter(({ request }) => /^(Run|Create|Start|Remove)/.test(request.rpc)).slice(-10);
      const left = all.filter((call) => call.left);
      const call = random.any(left.length > 0 && random.chance(0.7) ? left : all);
      if (call !== undefined) this.#repeat(call);
    },
    // somebody comes for what was finished after its caller had gone, or wants it otherwise, or finds it broken
    claim: () => {
      const { random, requests, machine } = this.#run;
      const { sandboxes, sandboxJoins, containers, containerJoins } = machine.life.core;
      const same = random.chance(0.6);
      const pod = sandboxes.all().find(({ id, facts }) => facts !== undefined && sandboxJoins.hides(id));
      if (pod?.config.metadata !== undefined) {
        const { name, attempt } = pod.config.metadata;
        const { variant = "X" } = pod.config.labels;
        if (random.chance(0.3)) this.#run.breakPod([pod]);
        this.#send(() =>
          requests.runPodSandbox({ name, attempt, variant: same ? variant : variant === "X" ? "Y" : "X" }),
        );
        return;
      }
      const one = containers.all().find(({ id, facts }) => facts !== undefined && containerJoins.hides(id));
      if (one?.config.metadata === undefined) return;
      const { name, attempt } = one.config.metadata;
      const script = same ? (one.config.labels.script ?? "") : (random.any(scriptNames) ?? "");
      const wanted = { name, attempt, script, image: one.config.image?.image ?? "" };
      this.#send(() => requests.createContainer(one.sandboxId, wanted));
    },
    breakPod: () => {
      const { sandboxes, sandboxJoins } = this.#run.machine.life.core;
      const hidden = sandboxes.all().filter(({ id }) => sandboxJoins.hides(id));
      this.#run.breakPod(hidden.length > 0 ? hidden : sandboxes.all());
    },
    join: () => {
      if (this.#run.serves) this.#run.readers.join(this.#run.machine.life, this.#run.random.chance(0.7));
    },
    unjoin: () => this.#run.readers.leave(),
    wait: () => {
      const ms = this.#run.random.pick([500, 5000, 130_000]);
      if (this.#run.turns.ready === 0) this.#run.turns.pass(ms);
    },
  };

  /** The same call again, as who has not heard of its end does. */
  #repeat(call: Call): void {
    if (call.again !== undefined) this.#send(call.again);
  }

  /** Some callers have no patience, and some ask twice at once. */
  #send(make: () => Request<never> | Request): void {
    const { random } = this.#run;
    const timeoutMs = random.chance(0.25) ? random.pick([300, 1000, 5000, 15_000]) : undefined;
    const first = this.#run.send(make() as Request, timeoutMs);
    first.again = make as () => Request;
    if (!random.chance(0.15)) return;
    const second = this.#run.send(make() as Request, timeoutMs);
    second.again = make as () => Request;
    second.twin = first;
  }

  #forImage(make: (image: string) => Request<never> | Request): void {
    const image = this.#run.random.pick(images);
    this.#send(() => make(image));
  }

  #forContainer(state: Shown["state"], make: (id: string) => Request<never> | Request): void {
    const one = this.#some("container", state);
    if (one !== undefined) this.#send(() => make(one.id));
  }

  #forPod(state: Shown["state"], make: (id: string) => Request<never> | Request): void {
    const one = this.#some("sandbox", state);
    if (one !== undefined) this.#send(() => make(one.id));
  }

  /** Mostly in the state in which it makes sense. */
  #some(kind: Shown["kind"], state: Shown["state"]): Shown | undefined {
    return this.#run.random.chance(0.75) ? this.#any(kind, state) : this.#any(kind);
  }

  #any(kind: Shown["kind"], state?: Shown["state"]): Shown | undefined {
    const all = [...this.#run.watcher.known.values()].flatMap(({ shown }) => (shown === undefined ? [] : [shown]));
    return this.#run.random.any(all.filter((one) => one.kind === kind && (state === undefined || one.state === state)));
  }
}
