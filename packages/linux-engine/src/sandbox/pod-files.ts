import { isIP } from "node:net";
import { invalidArgument, quote } from "@keelson/cri-api/errors";
import type { DNSConfig, PodSandboxConfig } from "@keelson/cri-api/v1";

const maxBytes = 64 * 1024;
const maxHostnameBytes = 64; // __NEW_UTS_LEN

/**
 * The text of resolv.conf for a pod; undefined when the request says nothing and the host's is taken (as containerd has
 * it). @throws INVALID_ARGUMENT for entries that would turn into other lines
 */
export function resolvConfText(dns: DNSConfig | undefined): string | undefined {
  if (dns === undefined) return undefined;
  for (const server of dns.servers) {
    if (isIP(server) === 0) throw invalidArgument(`dns_config.servers: ${quote(server)} is not an address`);
  }
  for (const search of dns.searches) refuseSpace("dns_config.searches", search);
  for (const option of dns.options) refuseSpace("dns_config.options", option);
  const text = [
    ...(dns.searches.length === 0 ? [] : [`search ${dns.searches.join(" ")}\n`]),
    ...dns.servers.map((server) => `nameserver ${server}\n`),
    ...(dns.options.length === 0 ? [] : [`options ${dns.options.join(" ")}\n`]),
  ].join("");
  if (text.length > maxBytes) throw invalidArgument(`dns_config: ${text.length} bytes of text, at most ${maxBytes}`);
  return text;
}

/** The pod's own host name; undefined when the request has none. @throws INVALID_ARGUMENT */
export function podHostname(config: PodSandboxConfig): string | undefined {
  const { hostname } = config;
  if (hostname === "") return undefined;
  refuseSpace("hostname", hostname);
  const bytes = Buffer.byteLength(hostname);
  if (bytes > maxHostnameBytes) throw invalidArgument(`hostname: ${bytes} bytes, at most ${maxHostnameBytes}`);
  return hostname;
}

function refuseSpace(where: string, text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  if (text === "" || /[\s\u0000-\u001f\u007f]/.test(text)) {
    throw invalidArgument(`${where}: ${quote(text)} is empty or holds white space or a control character`);
  }
}
