import { invalidArgument, quote } from "@keelson/cri-api/errors";

/** What the "bandwidth" capability takes: bits per second and bits (CNI conventions). */
export type Bandwidth = {
  readonly ingressRate?: number;
  readonly ingressBurst?: number;
  readonly egressRate?: number;
  readonly egressBurst?: number;
};

const maxBurst = 4_294_967_295; // what kubelet's and containerd's own calls have: no limit of its own
const minRate = 1_000n;
const maxRate = 1_000_000_000_000_000n;

/**
 * Reads the annotations `kubernetes.io/ingress-bandwidth` and `kubernetes.io/egress-bandwidth`, quantities of bits per
 * second between 1k and 1P. Undefined when there is neither.
 * @throws INVALID_ARGUMENT
 */
export function bandwidthOf(annotations: Readonly<Record<string, string>>): Bandwidth | undefined {
  const rate = (key: string): number | undefined => {
    if (!Object.hasOwn(annotations, key)) return undefined;
    const text = annotations[key] ?? "";
    const value = parseQuantity(text);
    if (value === undefined)
      throw invalidArgument(`annotation ${quote(key)}: ${quote(text)} is not a quantity, such as "10M"`);
    if (value < minRate || value > maxRate) {
      throw invalidArgument(`annotation ${quote(key)}: ${quote(text)} is not between 1k and 1P bits per second`);
    }
    return Number(value);
  };
  const ingress = rate("kubernetes.io/ingress-bandwidth");
  const egress = rate("kubernetes.io/egress-bandwidth");
  if (ingress === undefined && egress === undefined) return undefined;
  return {
    ...(ingress === undefined ? {} : { ingressRate: ingress, ingressBurst: maxBurst }),
    ...(egress === undefined ? {} : { egressRate: egress, egressBurst: maxBurst }),
  };
}

const decimal: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const binary: Readonly<Record<string, bigint>> = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n };

/**
 * The value of a Kubernetes quantity, rounded up to an integer: a decimal number and a suffix (`k`, `Mi`, `e6`…).
 * Undefined when the text is none.
 */
export function parseQuantity(text: string): bigint | undefined {
  const match = /^([+-]?)(\d{1,30})?(?:\.(\d{0,30}))?([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,2})?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", suffix = ""] = match;
  if (whole === "" && fraction === "") return undefined;
  const digits = BigInt(`${whole}${fraction}`);
  let numerator = digits;
  let exponent = -fraction.length;
  if (Object.hasOwn(binary, suffix)) numerator <<= binary[suffix] ?? 0n;
  else exponent += Object.hasOwn(decimal, suffix) ? (decimal[suffix] ?? 0) : Number(suffix.slice(1));
  const value =
    exponent >= 0 ? numerator * 10n ** BigInt(exponent) : ceilDivide(numerator, 10n ** BigInt(-exponent), sign === "-");
  return sign === "-" ? -value : value;
}

function ceilDivide(numerator: bigint, denominator: bigint, negative: boolean): bigint {
  const quotient = numerator / denominator;
  return negative || quotient * denominator === numerator ? quotient : quotient + 1n;
}
