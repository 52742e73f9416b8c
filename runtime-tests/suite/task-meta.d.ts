import "vitest";

declare module "vitest" {
  interface TaskMeta {
    /** What the runtime can or can't, as the test found it: a line of the table. */
    ability?: { readonly name: string; readonly has: boolean };
  }
}
