/**
 * One member of a layer. Names and link targets are bytes on Linux: give a `Uint8Array` for what is no UTF-8. Nothing
 * is checked or cleaned, so that hostile layers can be written as well.
 */
export interface TarEntry {
  readonly path: string | Uint8Array;
  readonly type?: "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";
  /** Permission bits with setuid, setgid and sticky; default 0644, for folders 0755, for symlinks 0777. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since 1970; default 0, so that the same entries give the same bytes. */
  readonly mtime?: number;
  readonly content?: string | Uint8Array;
  /** Target of a symlink or a hard link. */
  readonly link?: string | Uint8Array;
  /** Device numbers. */
  readonly major?: number;
  readonly minor?: number;
  /** Written as `SCHILY.xattr.NAME`, values byte for byte. */
  readonly xattrs?: Readonly<Record<string, string | Uint8Array>>;
}

/** The entry that hides `path` of a lower layer (OCI image-spec, "Whiteouts"). */
export function whiteout(path: string): TarEntry {
  const slash = path.lastIndexOf("/") + 1;
  return { path: `${path.slice(0, slash)}.wh.${path.slice(slash)}` };
}

/** The entry that hides all that lower layers have in `folder` (OCI image-spec, "Opaque Whiteout"). */
export function opaqueWhiteout(folder: string): TarEntry {
  return { path: `${folder}/.wh..wh..opq` };
}
