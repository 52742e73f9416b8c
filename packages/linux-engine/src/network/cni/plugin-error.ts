import { CriError, type CriErrorCode, type CriErrorOptions, quote } from "@keelson/cri-api/errors";

export type CniVerb = "ADD" | "DEL" | "CHECK" | "STATUS" | "VERSION";

/** The well-known error codes of the CNI specification, section 5. */
export const cniErrorCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidNetworkConfig: 7,
  tryAgainLater: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
} as const;

export interface PluginFailure {
  readonly verb: CniVerb;
  readonly network: string;
  /** The plugin's type. */
  readonly plugin: string;
  /** The plugin's own error code; undefined when it gave none (it was killed, or wrote no error object). */
  readonly cniCode?: number | undefined;
  readonly message: string;
  readonly details?: string;
}

/** A CNI plugin failed. */
export class CniPluginError extends CriError implements PluginFailure {
  readonly verb: CniVerb;
  readonly network: string;
  readonly plugin: string;
  readonly cniCode: number | undefined;
  readonly details: string;

  constructor(failure: PluginFailure, options: CriErrorOptions & { readonly code?: CriErrorCode } = {}) {
    const { verb, network, plugin, cniCode, message } = failure;
    const details = failure.details ?? "";
    const said = `${message}${details === "" ? "" : `; ${details}`}`;
    super(
      options.code ?? categoryOf(cniCode),
      `CNI ${verb} of network ${quote(network)}: plugin ${quote(plugin)}${cniCode === undefined ? "" : ` failed with code ${cniCode}`}: ${quote(said, 1000)}`,
      { hint: hintFor(failure), ...options },
    );
    this.name = "CniPluginError";
    this.verb = verb;
    this.network = network;
    this.plugin = plugin;
    this.cniCode = cniCode;
    this.details = details;
  }

  /** The plugin says that the same call may succeed later (code 11). */
  get retryable(): boolean {
    return this.cniCode === cniErrorCode.tryAgainLater;
  }
}

function categoryOf(cniCode: number | undefined): CriErrorCode {
  switch (cniCode) {
    case cniErrorCode.tryAgainLater:
    case cniErrorCode.notAvailable:
    case cniErrorCode.limitedConnectivity:
      return "UNAVAILABLE";
    case cniErrorCode.incompatibleVersion:
    case cniErrorCode.unsupportedField:
    case cniErrorCode.invalidNetworkConfig:
      return "FAILED_PRECONDITION";
    default:
      return "INTERNAL";
  }
}

function hintFor({ cniCode, network, plugin }: PluginFailure): string {
  switch (cniCode) {
    case cniErrorCode.tryAgainLater:
      return "the plugin asks to try again later";
    case cniErrorCode.incompatibleVersion:
      return `set a cniVersion that plugin ${quote(plugin)} supports in the configuration of network ${quote(network)}`;
    case cniErrorCode.unsupportedField:
    case cniErrorCode.invalidNetworkConfig:
      return `correct the configuration of network ${quote(network)}`;
    default:
      return `see what the daemon or the log of network plugin ${quote(plugin)} says`;
  }
}
