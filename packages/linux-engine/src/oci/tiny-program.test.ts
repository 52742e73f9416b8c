import { expect, it } from "vitest";
import { tinyProgram } from "./tiny-program.ts";

it("tinyProgram() is an ELF executable whose one segment is all of it", () => {
  for (const [architecture, machine] of [
    ["x64", 62],
    ["arm64", 183],
  ] as const) {
    const elf = tinyProgram(architecture);
    expect(elf.subarray(0, 4).toString("latin1")).toBe("\x7fELF");
    expect(elf.readUInt16LE(18)).toBe(machine);
    expect(elf.readBigUInt64LE(96)).toBe(BigInt(elf.length));
    expect(elf.readBigUInt64LE(24)).toBe(0x400000n + 120n);
  }
  expect(() => tinyProgram("mips")).toThrow(/mips/);
});
