import type { Case } from "../../case.ts";
import * as invalid from "./invalid.ts";
import * as notFound from "./not-found.ts";
import * as optionalCalls from "./optional-calls.ts";
import * as recursiveReadOnly from "./recursive-read-only.ts";
import * as state from "./state.ts";
import * as userNamespaces from "./user-namespaces.ts";

export const errors: readonly Case[] = [
  ...Object.values(invalid),
  ...Object.values(notFound),
  ...Object.values(optionalCalls),
  ...Object.values(recursiveReadOnly),
  ...Object.values(state),
  ...Object.values(userNamespaces),
];
