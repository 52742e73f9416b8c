export { type Prepared, prepareRequest } from "./prepare.ts";
