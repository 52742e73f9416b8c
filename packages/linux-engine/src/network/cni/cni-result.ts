import { isIP } from "node:net";
import { invalidArgument, quote } from "@keelson/cri-api/errors";
import {
  asObject,
  type ForeignObject,
  field,
  integerField,
  listField,
  parseForeignJson,
  stringField,
} from "./foreign-json.ts";

/** A plugin's answer to ADD, for specifications 0.1.0 to 1.1.0 (section 5, "ADD Success"). */
export interface CniResult {
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniAddress[];
  /** The whole answer, as it goes on to other plugins: integers and unknown fields as they were written. */
  readonly json: string;
}

export interface CniInterface {
  readonly name: string;
  readonly mac: string;
  /** Where it is; "" on the host. */
  readonly sandbox: string;
}

export interface CniAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  /** Index into `interfaces`; undefined when the plugin doesn't say. */
  readonly interface: number | undefined;
}

const maxBytes = 1024 * 1024;
const maxItems = 256;

/** Decodes an answer field by field. @throws INVALID_ARGUMENT naming what is wrong in it */
export function parseCniResult(output: Uint8Array | string): CniResult {
  const object = asObject(parseForeignJson(output, { maxBytes }), "result");
  const interfaces = (listField(object, "interfaces", maxItems) ?? []).map((one, index) =>
    parseInterface(asObject(one, `interfaces[${index}]`)),
  );
  const ips = (listField(object, "ips", maxItems) ?? []).map((one, index) =>
    parseAddress(asObject(one, `ips[${index}]`), interfaces.length),
  );
  return { interfaces, ips: [...ips, ...earlyAddresses(object)], json: JSON.stringify(object) };
}

function parseInterface(object: ForeignObject): CniInterface {
  const name = stringField(object, "name", 128);
  if (name === undefined || name === "") throw invalidArgument("interfaces: one has no name");
  return { name, mac: stringField(object, "mac", 128) ?? "", sandbox: stringField(object, "sandbox", 4_096) ?? "" };
}

function parseAddress(object: ForeignObject, interfaceCount: number): CniAddress {
  const index = integerField(object, "interface");
  if (index !== undefined && index >= interfaceCount) {
    throw invalidArgument(`ips: interface ${index} is not in the list of ${interfaceCount}`);
  }
  return { ...parseCidr(stringField(object, "address", 128) ?? ""), gateway: gatewayOf(object), interface: index };
}

/** Up to 0.2.0 a result had at most one address of each family, and no interfaces. */
function earlyAddresses(object: ForeignObject): readonly CniAddress[] {
  return ["ip4", "ip6"].flatMap((key) => {
    const value = field(object, key);
    if (value === undefined) return [];
    const inner = asObject(value, key);
    return [{ ...parseCidr(stringField(inner, "ip", 128) ?? ""), gateway: gatewayOf(inner), interface: undefined }];
  });
}

function gatewayOf(object: ForeignObject): string {
  const gateway = stringField(object, "gateway", 128) ?? "";
  if (gateway !== "" && isIP(gateway) === 0) throw invalidArgument(`gateway: ${quote(gateway)} is not an address`);
  return gateway;
}

function parseCidr(text: string): { readonly address: string; readonly prefixLength: number } {
  const [address = "", prefix = "", ...rest] = text.split("/");
  const family = isIP(address);
  const prefixLength = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (family === 0 || address.includes("%") || rest.length > 0 || !(prefixLength <= (family === 4 ? 32 : 128))) {
    throw invalidArgument(`ips: ${quote(text)} is not an address with a prefix length, such as "10.1.2.3/24"`);
  }
  return { address, prefixLength };
}

/**
 * The pod's addresses: those of its interface, and those that no interface is named for. The first IPv4 address leads, as
 * containerd has it (`ip_pref` unset); the others keep the plugin's order.
 */
export function podAddresses(result: CniResult, interfaceName: string): readonly string[] {
  const named = result.interfaces.filter((one) => one.name === interfaceName);
  const inPod = named.filter((one) => one.sandbox !== "");
  const own = new Set(inPod.length > 0 ? inPod : named); // the host may have an interface of that name too
  const mine = result.ips.filter((ip) => {
    const owner = ip.interface === undefined ? undefined : result.interfaces[ip.interface];
    return owner === undefined || own.has(owner);
  });
  const addresses = [...new Set(mine.map((ip) => ip.address))];
  const primary = addresses.find((address) => isIP(address) === 4);
  return primary === undefined ? addresses : [primary, ...addresses.filter((address) => address !== primary)];
}
