export type { NodeFetch, NodeFetchOptions } from "./node-fetch.ts";
export { createNodeFetch } from "./node-fetch.ts";
export { fromStandardFetch } from "./standard-fetch.ts";
export type { RegistryFetch, RegistryRequest, RegistryResponse, TlsSettings } from "./transport.ts";
