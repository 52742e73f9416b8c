import { describe, expect, it } from "vitest";
import { containerConfig, specInput } from "../../test/spec/fixtures.ts";
import { buildContainerSpec } from "./build-container-spec.ts";
import { buildExecProcess } from "./exec-process.ts";

describe("buildExecProcess()", () => {
  const container = buildContainerSpec(specInput({ config: containerConfig({ tty: true, workingDir: "/w" }) })).spec
    .process;

  it("T5.04 runs as the container, with no more rights, no terminal and its environment", () => {
    const process = buildExecProcess({ container, command: ["id", "-u"] });
    expect(process).toEqual({ ...container, terminal: false, args: ["id", "-u"] });
    expect(process.capabilities.inheritable).toEqual([]);
    expect(process.capabilities.ambient).toEqual([]);
    expect(process.env).toContain("TERM=xterm");
  });

  it("refuses nothing and what can't be handed over", () => {
    expect(() => buildExecProcess({ container, command: [] })).toThrow("no command specified");
    expect(() => buildExecProcess({ container, command: ["a\0"] })).toThrow("cmd[0]");
  });
});
