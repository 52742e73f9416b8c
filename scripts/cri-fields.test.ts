import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { engines, type FieldCell, fieldTable, reachableMessages } from "./cri-fields.ts";
import { readFacts } from "./cri-fields-facts.ts";
import { whyIgnorable } from "./cri-fields-ignorable.ts";
import { fieldMistakes } from "./cri-fields-mistakes.ts";
import { countOf, fieldsPage, renderFields } from "./cri-fields-page.ts";
import { unservedCallsOf } from "./cri-fields-served.ts";
import { linuxGate } from "./linux-gate.ts";

let table: readonly FieldCell[];
beforeAll(() => {
  table = fieldTable();
});

describe("docs/reference/cri-fields.md", () => {
  it("is what cases and engines say; `node scripts/cri-fields-page.ts` writes it anew", () => {
    expect(readFileSync(fieldsPage, "utf8")).toBe(renderFields(table));
  });

  it("accounts for each field of each engine, and ignores only what may be ignored", () => {
    expect(fieldMistakes(table)).toEqual([]);
  });

  it("has a line for each field", () => {
    const lines = renderFields(table)
      .split("\n")
      .filter((line) => /^\| `\w+` \| \*\*/.test(line));
    expect(lines).toHaveLength(table.length / engines.length);
  });

  it.each(engines)("refuses and ignores no more fields than are allowed: %s", (engine) => {
    const { refused, ignored, because } = readFacts().most[engine];
    expect(because).not.toBe("");
    // more: raise the number in cri-fields.json and say why there; less: the program that writes the page lowers it
    expect({ refused: countOf(table, engine, "refused"), ignored: countOf(table, engine, "ignored") }).toEqual({
      refused,
      ignored,
    });
  });

  it.each(engines)("knows the calls that are not served: %s", { timeout: 60_000 }, async (engine) => {
    if (engine === "linux" && linuxGate.skip) return;
    expect(Object.keys(readFacts().unserved[engine])).toEqual(await unservedCallsOf(engine));
  });
});

describe("fieldMistakes()", () => {
  const one = (changes: Partial<FieldCell>): readonly FieldCell[] => {
    const cell: FieldCell = { field: "Mount.readonly", engine: "linux", verdict: "honoured", cases: ["a/b"], text: "" };
    return [...table.filter(({ verdict }) => verdict === "ignored"), { ...cell, ...changes }];
  };

  it.each([
    [{ verdict: undefined, cases: [] }, "unaccounted: no case covers it, and nothing is declared"],
    [{ cases: [] }, "honoured, and no case covers it"],
    [{ verdict: "recorded", text: "x" }, "only the simulated engine records"],
    [{ verdict: "refused", text: "x" }, "refused without a code"],
    [{ verdict: "refused", code: "UNIMPLEMENTED" }, "without a reason"],
    [{ verdict: "ignored", text: "x" }, "ignored, and neither Windows', deprecated nor informational"],
  ] as const)("finds %o", (changes, why) => {
    expect(fieldMistakes(one(changes))).toEqual([`Mount.readonly, linux: ${why}`]);
    expect(fieldMistakes(one({}))).toEqual([]);
  });
});

describe("whyIgnorable()", () => {
  it("lets fields of Windows and deprecated ones be ignored, by their descriptors", () => {
    const found = [...reachableMessages().keys()].flatMap((message) =>
      message.fields.flatMap((field) => {
        const why = whyIgnorable(message, field);
        return why === undefined ? [] : [`${message.name}.${field.name} ${why}`];
      }),
    );
    expect(found).toContain("ContainerConfig.windows Windows");
    expect(found).toContain("WindowsContainerConfig.resources Windows");
    expect(found).toContain("LinuxSandboxSecurityContext.seccomp_profile_path deprecated");
    expect(found.filter((line) => line.startsWith("Mount.readonly "))).toEqual([]);
  });
});
