// The names of this folder, the only one with calls into libc and with process start. Internal to the package.
export {
  type BindMountOptions,
  bindMount,
  changeMount,
  type MountAttribute,
  type MountChange,
  type Propagation,
} from "./bind-mount.ts";
export { closeAll, duplicate, openPipe } from "./descriptor.ts";
export { findProgram, programFolders, resolveProgram } from "./find-program.ts";
export { belowFloors, compareVersions, type FloorFacts, type FloorName, floors, readFloorFacts } from "./floors.ts";
export {
  mkdirAllInRoot,
  openInRoot,
  type Root,
  readFileInRoot,
  type StatInRootOptions,
  statInRoot,
} from "./in-root.ts";
export { type FileLock, lockFile } from "./lock.ts";
export {
  type MountFlag,
  type MountOptions,
  mount,
  mountSync,
  type UnmountOptions,
  unmount,
  unmountSync,
} from "./mount.ts";
export { isMounted, type MountInfo, parseMountInfo, readMountInfo } from "./mount-info.ts";
export { isPinned, pinNamespace, unpinNamespace } from "./namespace-pin.ts";
export type { InterfaceAddress, NamespaceKind, NamespacePins, NamespaceSettings } from "./namespace-protocol.ts";
export { type ConnectOptions, type Namespaces, type NamespacesOptions, openNamespaces } from "./namespaces.ts";
export { O_PATH, type OpenHow, openat2, type ResolveFlag } from "./openat2.ts";
export { type OverlayOptions, overlayMount } from "./overlay-mount.ts";
export { openProcess, type ProcessHandle, type ProcessStat, readProcessStat, readStartTime } from "./pidfd.ts";
export { describeExit, ProcessError } from "./process-error.ts";
export { type RunOptions, type RunResult, run } from "./run.ts";
export { type Child, type DescriptorSource, type Exit, type SpawnOptions, spawn } from "./spawn.ts";
export { isErrno, SyscallError } from "./syscall-error.ts";
export { checkSysctlValue, type SysctlNamespace, type SysctlPlace, sysctlPlace } from "./sysctl.ts";
export { type FolderListener, type FolderWatch, watchFolder } from "./watch-folder.ts";
