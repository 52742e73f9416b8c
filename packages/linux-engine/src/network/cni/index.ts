export {
  type AttachmentCall,
  addAttachment,
  checkAttachment,
  checkNetworkStatus,
  deleteAttachment,
} from "./attachment.ts";
export { type CniNetworkOptions, createCniNetwork } from "./cni-network.ts";
export { type CniAddress, type CniInterface, type CniResult, parseCniResult, podAddresses } from "./cni-result.ts";
export type { AttachmentParameters } from "./exec-plugin.ts";
export { type CniFolders, type LoadedNetworks, loadNetworks } from "./load-networks.ts";
export {
  cniVersions,
  formatNetworkList,
  type NetworkList,
  type PluginConf,
  parseNetworkList,
  parseSinglePlugin,
} from "./network-list.ts";
export { CniPluginError, type CniVerb, cniErrorCode, type PluginFailure } from "./plugin-error.ts";
