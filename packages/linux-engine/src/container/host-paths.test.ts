import { describe, expect, it } from "vitest";
import { HostPaths } from "./host-paths.ts";

const nobody = new AbortController().signal;

/** Lookups that end when the test says so. */
function held() {
  const begun = new Map<string, PromiseWithResolvers<string>>();
  const lookUp = (path: string): Promise<string> => {
    const lookup = Promise.withResolvers<string>();
    begun.set(path, lookup);
    return lookup.promise;
  };
  return { begun, paths: new HostPaths({ most: 2, lookUp }) };
}

describe("HostPaths", () => {
  it("runs so many lookups at once, and the others in the order in which they came", async () => {
    const { begun, paths } = held();
    const answers = ["a", "b", "c", "d"].map((path) => paths.resolve(path, nobody));
    expect([...begun.keys()]).toEqual(["a", "b"]);
    begun.get("b")?.resolve("B");
    expect(await answers[1]).toBe("B");
    expect([...begun.keys()]).toEqual(["a", "b", "c"]);
    begun.get("a")?.reject(new Error("a is gone"));
    await expect(answers[0]).rejects.toThrow("a is gone");
    expect([...begun.keys()]).toEqual(["a", "b", "c", "d"]);
    for (const path of ["c", "d"]) begun.get(path)?.resolve(path);
    expect(await Promise.all(answers.slice(2))).toEqual(["c", "d"]);
  });

  it("looks one path up once at a time, for all who ask", async () => {
    const { begun, paths } = held();
    const first = paths.resolve("a", nobody);
    const second = paths.resolve("a", nobody);
    const other = paths.resolve("b", nobody);
    begun.get("a")?.resolve("A");
    expect([await first, await second]).toEqual(["A", "A"]);
    begun.delete("a");
    const later = paths.resolve("a", nobody);
    begun.get("a")?.resolve("A2");
    begun.get("b")?.resolve("B");
    expect([await later, await other]).toEqual(["A2", "B"]);
  });

  it("lets go who asks, running or waiting, and keeps count of what hangs", async () => {
    const { begun, paths } = held();
    const gone = new AbortController();
    const leaving = ["a", "b", "c"].map((path) => paths.resolve(path, gone.signal));
    const staying = paths.resolve("d", nobody);
    gone.abort(new Error("nobody wants it"));
    for (const one of leaving) await expect(one).rejects.toThrow("nobody wants it");
    expect([...begun.keys()]).toEqual(["a", "b"]);
    await expect(paths.resolve("e", gone.signal)).rejects.toThrow("nobody wants it");
    begun.get("a")?.resolve("A");
    await new Promise(setImmediate);
    // nobody wants c any more
    expect([...begun.keys()]).toEqual(["a", "b", "d"]);
    begun.get("d")?.resolve("D");
    expect(await staying).toBe("D");
  });
});
