// What vitest's expect and vi find on a worker, without a worker. Imported before them.
const ground = globalThis as { process?: unknown; __vitest_worker__?: unknown };

// Deno lends every program Node's `process`, whose `env` asks for a permission; without it vitest does what it does in a browser
delete ground.process;

ground.__vitest_worker__ = {
  config: {
    expect: {},
    fakeTimers: { toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] },
    snapshotOptions: { updateSnapshot: "none" },
  },
  ctx: {},
  providedContext: {},
};

export {};
