import { expect, it } from "vitest";
import { initProgram } from "./init-program.ts";
import { tinyProgram } from "./tiny-program.ts";

it.each([tinyProgram, initProgram])("%o makes an ELF executable whose one segment is all of it", (program) => {
  for (const [architecture, machine] of [
    ["x64", 62],
    ["arm64", 183],
  ] as const) {
    const elf = program(architecture);
    expect(elf.subarray(0, 4).toString("latin1")).toBe("\x7fELF");
    expect(elf.readUInt16LE(18)).toBe(machine);
    expect(elf.readBigUInt64LE(96)).toBe(BigInt(elf.length));
    expect(elf.readBigUInt64LE(24)).toBe(0x400000n + 120n);
  }
  expect(() => program("mips")).toThrow(/mips/);
});
