export { CleanupStack } from "./cleanup-stack.ts";
export { KeyedLock } from "./keyed-lock.ts";
