export { createLogFiles, type LogFilesOptions } from "./log-files.ts";
export { type FakeRuntime, type FakeRuntimeOptions, startFakeRuntime } from "./start-fake-runtime.ts";
