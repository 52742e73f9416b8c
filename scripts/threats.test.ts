import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readThreats, renderThreats, testsByRow, threatsPage } from "./threats.ts";

const rows = readThreats();
const tests = testsByRow();

describe("docs/security/threats.json", () => {
  it("has every row once, in order, with a state", () => {
    const ids = rows.map((row) => row.row);
    expect(new Set(ids).size).toBe(ids.length);
    for (const row of rows) expect(["tested", "waiting", "not applicable"], row.row).toContain(row.status);
  });

  it("calls a row tested exactly when a test's title names it", () => {
    const claimed = rows.filter((row) => row.status === "tested").map((row) => row.row);
    expect(claimed).toEqual(rows.map((row) => row.row).filter((row) => tests.has(row)));
  });

  it("gives a reason for each row that can't apply", () => {
    for (const row of rows) if (row.status === "not applicable") expect(row.reason, row.row).toMatch(/\w{3}/);
  });

  it("knows every row that a test names", () => {
    const known = new Set(rows.map((row) => row.row));
    expect([...tests.keys()].filter((row) => !known.has(row))).toEqual([]);
  });

  it("is what the page shows", () => {
    expect(readFileSync(threatsPage, "utf8")).toBe(renderThreats(rows, tests));
  });
});
