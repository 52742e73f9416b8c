import { readFile } from "node:fs/promises";
import type { TarEntry } from "@keelson/image-store/build";
import { describe, expect, test } from "vitest";
import { outcome } from "../harness/pods.ts";
import type { Refusal } from "../harness/refusals.ts";
import { traces, untilAsBefore } from "../harness/traces.ts";
import type { Stage } from "./stage.ts";

// lines that a reader of numbers could take for root
const traps = [
  "root:x:0:0:root:/root:/bin/sh",
  "1e3:x:4242:4243::/:/bin/sh",
  "trap:x:4294967296:0::/:/bin/sh",
  ...["2147483648", "4294967296", "01", "00", "7", "0x7"].map((name) => `${name}:x:0:0::/:/bin/sh`),
].join("\n");
const passwd = (content: string | Uint8Array): TarEntry => ({ path: "etc/passwd", content });

/** Users of images, and the files that name them. */
export function hostileUserCases(stage: () => Stage): void {
  const bring = async (entries: readonly TarEntry[], settings: Record<string, unknown> = {}): Promise<string> => {
    const name = await stage().push(entries, settings);
    await stage().pull(name);
    return name;
  };
  const answersWithin = async (ms: number): Promise<void> => {
    const began = performance.now();
    await stage().cri.runtime.version({});
    expect(performance.now() - began).toBeLessThan(ms);
  };

  describe("the user of an image", () => {
    test("T5.01: that looks like a number is that number, or refused; never a name, never root", async () => {
      const number = /is not a number from 0 to 2147483647.*set run_as_user/;
      const other = /(not in the image's|is not USER or USER:GROUP).*set run_as_user/;
      const refusals: Refusal[] = [];
      for (const [users, message] of [
        [["2147483648", "4294967296", "01", "00", "7:4294967296", "9".repeat(20)], number],
        [["trap", "0x0", "-1", "a:b:c", " 0", "nobody", "root:nobody"], other],
      ] as const) {
        for (const User of users) {
          const image = await bring([passwd(traps)], { User });
          refusals.push([() => stage().create({ image }), "FAILED_PRECONDITION", message]);
        }
      }
      await stage().refused(...refusals);
      const { cri, pod } = stage();
      for (const [User, ids] of [
        ["1e3", "4242 4243"],
        ["2147483647", "2147483647 0"],
        ["7", "7 0"],
        ["", "0 0"],
      ] as const) {
        const image = await bring([passwd(traps)], { User });
        const { lines } = await outcome(cri, pod, { image, script: "echo $(id -u) $(id -g)" });
        expect(lines, User).toEqual([ids]);
      }
    });

    test("T5.02: by a passwd or group file that is huge or no file is refused in time and room", async () => {
      const { node, create } = stage();
      const residentMiB = async (): Promise<number> =>
        Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${node.pid}/status`, "utf8"))?.[1]) / 1024;
      const groups = (lines: number): TarEntry => ({
        path: "etc/group",
        content: Array.from({ length: lines }, (_, gid) => `g:x:${gid}:u`).join("\n"),
      });
      const user = passwd("u:x:7:7::/:/bin/sh\n");
      const noFile = [{ type: "character", major: 1, minor: 5 }, { type: "fifo" }, { type: "directory" }] as const;
      const cases: readonly [readonly TarEntry[], Refusal[1], RegExp][] = [
        [[passwd(Buffer.alloc(64 << 20))], "RESOURCE_EXHAUSTED", /"\/etc\/passwd".*larger than 1048576 bytes.*smaller/],
        [[user, groups(1_000_000)], "RESOURCE_EXHAUSTED", /"\/etc\/group".*larger than 1048576 bytes.*smaller/],
        [[user, groups(65_600)], "FAILED_PRECONDITION", /more than 65536 groups.*mend/],
        [[passwd("a".repeat(5000))], "FAILED_PRECONDITION", /a line is longer than 4096 bytes.*mend/],
        [[passwd("u:x:7:7::/a\rb:/bin/sh\n")], "FAILED_PRECONDITION", /control characters.*mend/],
        [
          [{ path: "etc/passwd", type: "symlink", link: "/proc/kmsg" }],
          "FAILED_PRECONDITION",
          /"u".*not in the image's/,
        ],
        ...noFile.map((kind): [readonly TarEntry[], Refusal[1], RegExp] => [
          [{ path: "etc/passwd", ...kind }],
          "FAILED_PRECONDITION",
          /"\/etc\/passwd": it is not a regular file.*an image has a file there/,
        ]),
      ];
      const images: string[] = [];
      for (const [entries] of cases) images.push(await bring(entries, { User: "u" }));
      const before = await residentMiB();
      const refusals = cases.map(([, code, message], index): Refusal => {
        const call = async (): Promise<unknown> => {
          const [created] = await Promise.all([create({ image: images[index] ?? "" }), answersWithin(1000)]);
          return created;
        };
        return [call, code, message];
      });
      await stage().refused(...refusals);
      expect((await residentMiB()) - before).toBeLessThan(48);
    });

    test("T12.04: by a FIFO, eight at once, keeps nobody waiting", async () => {
      const image = await bring([{ path: "etc/passwd", type: "fifo" }]);
      const before = await traces(stage().node);
      const names = Array.from({ length: 8 }, (_, index) => `fifo-${index}`);
      const creates = Promise.allSettled(names.map((name) => stage().create({ image, name })));
      await answersWithin(1000);
      for (const one of await creates) {
        expect(one).toMatchObject({ status: "rejected", reason: { code: "FAILED_PRECONDITION" } });
      }
      await untilAsBefore(stage().node, before);
    });
  });
}
