// What `npm run test:long` runs: the files whose tests are too long for `npm test`, in parts that have a name each.
export interface LongPart {
  readonly name: string;
  /** In a line of CONTRIBUTING.md. */
  readonly about: string;
  /** From the root. */
  readonly files: readonly string[];
}

/** Each ends in under an hour on two cores. */
export const longPartMinutes = 60;

export const longParts: readonly LongPart[] = [
  {
    name: "streams",
    about: "256 lists of 1 MiB at once, as one message and in parts; 10,000 subscribers that hang",
    files: ["packages/cri-server/test/streams.test.ts", "apps/fake-runtime/test/streams.test.ts"],
  },
  {
    name: "faults",
    about: "a runtime that is away for a minute; keelsond killed twenty times with what it runs adopted each time",
    files: ["packages/cri-client/test/faults-death.test.ts", "apps/runtime/test/adoption.test.ts"],
  },
  {
    name: "properties",
    about: "random calls, faults and restarts on the simulated engine with fresh seeds, which are printed",
    files: ["packages/runtime-core/test/core-properties.test.ts"],
  },
  {
    name: "dropper",
    about: "every field that a case of the conformance suite covers, lost on its way at keelsond: the case fails",
    files: ["packages/conformance/test/dropper-keelsond.test.ts"],
  },
  {
    name: "lies",
    about: "every case of the conformance suite at a runtime that lies: an expectation of it notices",
    files: ["packages/conformance/test/can-fail.test.ts"],
  },
];
