// All cases as tests of vitest, at a target that is opened for them.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PeerList, readPeerList } from "../src/peer-list.ts";
import { missingCapabilities } from "../src/run/missing-capabilities.ts";
import { selectCases } from "../src/run/select-cases.ts";
import { openSession, type Session } from "../src/run/session.ts";
import { isOwn, verdictOf } from "../src/run/verdict.ts";
import type { Target } from "../src/target.ts";

export interface OpenTarget {
  readonly target: Target;
  close(): Promise<void>;
}

/** Runs all cases, or those of `only`, each as a test. */
export function conformanceSuite(
  name: string,
  open: () => Promise<OpenTarget>,
  options: { readonly skip?: boolean; readonly only?: string } = {},
): void {
  const only = options.only ?? process.env.KEELSON_CONFORMANCE_ONLY;
  describe.skipIf(options.skip ?? false)(`conformance of ${name}`, { timeout: 600_000 }, () => {
    let opened: OpenTarget | undefined;
    let session: Session | undefined;
    let list: PeerList | undefined;
    beforeAll(async () => {
      opened = await open();
      session = await openSession(opened.target);
      list = await readPeerList(session.runtime);
    }, 120_000);
    afterAll(async () => {
      await session?.close();
      await opened?.close();
    }, 120_000);

    it.concurrent.for(selectCases(only).map((named) => [named.id, named] as const))(
      "%s",
      async ([id, { one }], context) => {
        if (opened === undefined || session === undefined) throw new Error("there is no session");
        const outcome = await session.run(one);
        // docs/reference/conformance.md says what runs where, from nothing else than this
        const missing = missingCapabilities(one, opened.target.has);
        expect(outcome.result === "skipped", outcome.reason).toBe(missing.length > 0);
        if (outcome.result === "skipped") context.skip(outcome.reason);
        const verdict = verdictOf(id, outcome, list);
        if (verdict === "known") return;
        if (verdict === "unexpected-pass") expect.fail("it is in the list of known failures, and passes");
        const { reason, transcript } = outcome;
        if (list === undefined && !isOwn(session.runtime.name) && verdict === "failed") {
          context.skip(`no list of known failures for this version: ${reason}`);
        }
        expect(verdict, [reason, one.cites, ...transcript].join("\n")).toBe("passed");
      },
    );
  });
}
