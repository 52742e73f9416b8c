import { describe, expect, test } from "vitest";
import { SharedWork } from "./shared-work.ts";

const never = new AbortController().signal;

describe("SharedWork", () => {
  test("does what several want once, and begins anew afterwards", async () => {
    const works = new SharedWork();
    const gate = Promise.withResolvers<void>();
    let begun = 0;
    const work = async (): Promise<void> => {
      begun++;
      await gate.promise;
    };
    const both = [works.join("a", never, work), works.join("a", never, work), works.join("b", never, work)];
    expect(begun).toBe(2);
    gate.resolve();
    await Promise.all(both);
    await works.join("a", never, work);
    expect(begun).toBe(3);
  });

  test("tells a failure to all who wait", async () => {
    const works = new SharedWork();
    const fail = async (): Promise<void> => {
      throw new Error("it failed");
    };
    const outcomes = await Promise.allSettled([works.join("a", never, fail), works.join("a", never, fail)]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  test("goes on while one still waits, and is given up and waited for by the last one", async () => {
    const works = new SharedWork();
    const [first, second] = [new AbortController(), new AbortController()];
    const stopping = Promise.withResolvers<void>();
    let given: AbortSignal | undefined;
    const work = async (signal: AbortSignal): Promise<void> => {
      given = signal;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await stopping.promise;
    };
    const one = works.join("a", first.signal, work);
    const two = works.join("a", second.signal, work);
    first.abort();
    await expect(one).rejects.toMatchObject({ code: "CANCELED" });
    expect(given?.aborted).toBe(false);
    let hasEnded = false;
    second.abort();
    const ending = two.finally(() => {
      hasEnded = true;
    });
    await new Promise(setImmediate);
    expect(given?.aborted).toBe(true);
    expect(hasEnded).toBe(false);
    stopping.resolve();
    await expect(ending).rejects.toMatchObject({ code: "CANCELED" });
    await works.idle();
  });

  test("begins nothing for who has given up already", async () => {
    const works = new SharedWork();
    const gone = AbortSignal.abort();
    await expect(works.join("a", gone, () => Promise.reject(new Error("begun")))).rejects.toMatchObject({
      code: "CANCELED",
    });
  });
});
