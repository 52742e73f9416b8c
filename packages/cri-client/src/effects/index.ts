export { type Dropped, type Prepared, type PrepareInput, prepareRequest } from "./prepare.ts";
