import { join, relative } from "node:path";
import type { Member } from "./tar-builder.ts";

/** Archives that try to reach `target`, a folder outside of the layer, each by another way (THREATS T2.01, T2.03, T2.06). */
export function hostileLayers(layer: string, target: string): [string, Member[]][] {
  const up = relative(layer, target); // ../../…
  const far = `${"../".repeat(30)}${target.slice(1)}`;
  const folder = join(target, "folder");
  return [
    ["..", [{ name: `${up}/evil`, content: "x" }]],
    ["more .. than there are folders", [{ name: `${far}/evil`, content: "x" }]],
    [".. behind a folder", [{ name: "a/" }, { name: `a/../${up}/evil`, content: "x" }]],
    ["an absolute name", [{ name: `${target}/evil`, content: "x" }]],
    [
      "an absolute link, then a file through it",
      [
        { name: "l", type: "2", link: target },
        { name: "l/evil", content: "x" },
      ],
    ],
    [
      "a climbing link, then a file through it",
      [
        { name: "l", type: "2", link: up },
        { name: "l/evil", content: "x" },
      ],
    ],
    [
      "a chain of links",
      [
        { name: "a", type: "2", link: "b" },
        { name: "b", type: "2", link: "c/d" },
        { name: "c/" },
        { name: "c/d", type: "2", link: `../${up}` },
        { name: "a/evil", content: "x" },
      ],
    ],
    [
      "a folder that becomes a link",
      [{ name: "d/" }, { name: "d/f" }, { name: "d", type: "2", link: target }, { name: "d/evil", content: "x" }],
    ],
    [
      "a file written through a link to a file",
      [
        { name: "f", type: "2", link: join(target, "file") },
        { name: "f", content: "x" },
      ],
    ],
    [
      "a hard link to a file, then its mode",
      [
        { name: "h", type: "1", link: join(target, "file") },
        { name: "h", mode: 0o777 },
      ],
    ],
    [
      "a hard link by ..",
      [
        { name: "h", type: "1", link: `${up}/file` },
        { name: "h", content: "x", mode: 0o777 },
      ],
    ],
    [
      "a hard link through a link",
      [
        { name: "l", type: "2", link: target },
        { name: "h", type: "1", link: "l/file" },
        { name: "h", content: "x" },
      ],
    ],
    [
      "a folder's mode through a link",
      [
        { name: "l", type: "2", link: target },
        { name: "l/folder/", mode: 0o777, uid: 7 },
      ],
    ],
    ["a whiteout by ..", [{ name: `${up}/.wh.file` }]],
    ["an opaque folder through a link", [{ name: "l", type: "2", link: folder }, { name: "l/.wh..wh..opq" }]],
    ["a device by ..", [{ name: `${up}/null`, type: "3", devMajor: 1, devMinor: 3 }]],
    ["a file in place of a folder", [{ name: `${up}/folder`, content: "x" }]],
    [
      "the root as a link",
      [
        { name: ".", type: "2", link: target },
        { name: "evil", content: "x" },
      ],
    ],
    [
      "process folders",
      [
        { name: `/proc/self/root${target}/evil`, content: "x" },
        { name: `/proc/self/cwd/${far}/evil`, content: "x" },
      ],
    ],
  ];
}
