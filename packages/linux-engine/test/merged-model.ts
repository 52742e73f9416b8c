import type { Member } from "./tar-builder.ts";

/** A file of the model. Folders have children; hard links are the same object under several names. */
export interface ModelNode {
  readonly kind: "folder" | "file" | "symlink";
  mode: number;
  /** Content, or the target of a link. */
  readonly holds: string;
  readonly children: Map<string, ModelNode>;
}

class Refused extends Error {}

/**
 * What a container should see of layers on top of each other, told as one tree that each entry changes in turn: no
 * layers, no marks, no copying up. `null` when a layer breaks the rules.
 */
export class MergedModel {
  root: ModelNode = folder(0o755);
  /** Names that the layer being applied has itself brought, by path; what is not in it is a lower layer's. */
  #own = new Set<string>();

  /** Applies a layer; false when it is refused, and then nothing has changed. */
  apply(members: readonly Member[]): boolean {
    const before = clone(this.root, new Map());
    this.#own = new Set([""]);
    try {
      for (const member of members) this.#entry(member);
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.root = before;
      return false;
    }
  }

  /** Every path with what is there, without the root. */
  list(): Map<string, Omit<ModelNode, "children">> {
    const all = new Map<string, Omit<ModelNode, "children">>();
    const walk = (node: ModelNode, prefix: string): void => {
      for (const [name, { kind, mode, holds, children }] of node.children) {
        all.set(prefix + name, { kind, mode: kind === "symlink" ? 0o777 : mode, holds });
        walk({ kind, mode, holds, children }, `${prefix}${name}/`);
      }
    };
    walk(this.root, "");
    return all;
  }

  #entry(member: Member): void {
    const names = String(member.name).split("/").filter(Boolean);
    const name = names.pop() ?? "";
    const { node: parent, path } = this.#folder(names, true);
    const here = [...path, name].join("/");
    if (name === ".wh..wh..opq") {
      this.#dropLower(parent, path.join("/"));
      return;
    }
    if (name.startsWith(".wh.")) {
      this.#whiteout(parent, name.slice(4), [...path, name.slice(4)].join("/"));
      return;
    }
    const there = parent.children.get(name);
    if (member.type === "1") {
      this.#hardLink(String(member.link), parent, name, here);
      return;
    }
    if (member.type === "5") {
      if (there?.kind === "folder") there.mode = member.mode ?? 0;
      else this.#put(parent, name, here, folder(member.mode ?? 0));
      this.#own.add(here);
      return;
    }
    const kind = member.type === "2" ? "symlink" : "file";
    const holds = String((kind === "symlink" ? member.link : member.content) ?? "");
    this.#put(parent, name, here, { kind, mode: member.mode ?? 0, holds, children: new Map() });
    this.#own.add(here);
  }

  #hardLink(target: string, parent: ModelNode, name: string, here: string): void {
    const names = target.split("/").filter(Boolean);
    const last = names.pop() ?? "";
    const { node, path } = this.#folder(names, false);
    const found = node.children.get(last);
    if (found === undefined || found.kind === "folder") throw new Refused();
    if ([...path, last].join("/") === here) return;
    this.#put(parent, name, here, found);
    // The target may have been in what was replaced.
    if (this.#at([...path, last]) !== found) throw new Refused();
    this.#own.add(here);
  }

  #put(parent: ModelNode, name: string, here: string, node: ModelNode): void {
    for (const path of [...this.#own]) if (path === here || path.startsWith(`${here}/`)) this.#own.delete(path);
    parent.children.set(name, node);
  }

  #whiteout(parent: ModelNode, name: string, here: string): void {
    const node = parent.children.get(name);
    if (node === undefined) return;
    if (!this.#own.has(here)) parent.children.delete(name);
    else if (node.kind === "folder") this.#dropLower(node, here);
  }

  /** Keeps of a folder only what this layer has brought. */
  #dropLower(node: ModelNode, here: string): void {
    for (const [name, child] of node.children) {
      const path = here === "" ? name : `${here}/${name}`;
      if (!this.#own.has(path)) node.children.delete(name);
      else if (child.kind === "folder") this.#dropLower(child, path);
    }
  }

  /** The folder at a path, links followed; all folders on the way then are this layer's, too. */
  #folder(names: readonly string[], make: boolean): { node: ModelNode; path: string[] } {
    const pending = names.map((name) => ({ name, ofLink: false }));
    let path: string[] = [];
    let links = 0;
    for (let step = pending.shift(); step !== undefined; step = pending.shift()) {
      const { name, ofLink } = step;
      if (name === ".") continue;
      if (name === "..") {
        if (path.length === 0) throw new Refused();
        path = path.slice(0, -1);
        continue;
      }
      const here = this.#at(path);
      const next = here?.children.get(name);
      if (next?.kind === "symlink") {
        links++;
        if (links > 40) throw new Refused();
        if (next.holds.startsWith("/")) path = [];
        const target = next.holds.split("/").filter(Boolean);
        pending.unshift(...target.map((each) => ({ name: each, ofLink: true })));
        continue;
      }
      if (next?.kind === "file") throw new Refused();
      if (next === undefined && (ofLink || !make)) throw new Refused();
      path = [...path, name];
      if (next === undefined) here?.children.set(name, folder(0o755));
      this.#own.add(path.join("/"));
    }
    const node = this.#at(path);
    if (node === undefined) throw new Refused();
    return { node, path };
  }

  #at(path: readonly string[]): ModelNode | undefined {
    let node: ModelNode | undefined = this.root;
    for (const name of path) node = node?.children.get(name);
    return node;
  }
}

function folder(mode: number): ModelNode {
  return { kind: "folder", mode, holds: "", children: new Map() };
}

function clone(node: ModelNode, known: Map<ModelNode, ModelNode>): ModelNode {
  const copy = known.get(node) ?? { ...node, children: new Map() };
  known.set(node, copy);
  for (const [name, child] of node.children) copy.children.set(name, clone(child, known));
  return copy;
}
