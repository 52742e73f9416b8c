import { invalidArgument, quote } from "@keelson/cri-api/errors";

/**
 * Networks as a kubelet names them: `10.1.0.0/16`, several with commas between them; "" is none.
 * @throws INVALID_ARGUMENT naming the field
 */
export function checkCidrs(text: string, field: string): void {
  if (text === "") return;
  for (const one of text.split(",")) {
    if (!isCidr4(one) && !isCidr6(one)) {
      throw invalidArgument(
        `${field} ${quote(text, 80)}: ${quote(one, 80)} is no network, want one like "10.1.0.0/16"`,
      );
    }
  }
}

function isCidr4(text: string): boolean {
  const [, address = "", bits = ""] = /^((?:\d{1,3}\.){3}\d{1,3})\/(\d{1,2})$/.exec(text) ?? [];
  return address !== "" && address.split(".").every((part) => Number(part) <= 255) && Number(bits) <= 32;
}

/** Eight groups, or fewer with one gap among them. */
function isCidr6(text: string): boolean {
  const [, address = "", bits = ""] = /^([0-9A-Fa-f:]+)\/(\d{1,3})$/.exec(text) ?? [];
  const halves = address.split("::");
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const isShort = halves.length === 2 && groups.length < 8;
  const isWhole = halves.length === 1 && groups.length === 8;
  return (isShort || isWhole) && groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group)) && Number(bits) <= 128;
}
