import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PsiStatsSchema } from "@keelson/cri-api/v1";

/** A number that stands alone in a file; undefined for `max` and for what is no number. */
export function numberOf(text: string | undefined): bigint | undefined {
  const digits = text?.trim() ?? "";
  return /^\d{1,20}$/.test(digits) ? BigInt(digits) : undefined;
}

/** A file of lines `NAME NUMBER`, such as `memory.stat`. */
export function namedNumbers(text: string | undefined): ReadonlyMap<string, bigint> {
  const lines = (text ?? "").split("\n").map((line) => line.split(" "));
  return new Map(
    lines.flatMap(([name = "", value]): [string, bigint][] => {
      const number = numberOf(value);
      return number === undefined ? [] : [[name, number]];
    }),
  );
}

/** A `*.pressure` file (Documentation/accounting/psi): microseconds become nanoseconds. */
export function pressureOf(text: string | undefined): MessageInitShape<typeof PsiStatsSchema> | undefined {
  const line = (kind: string) => {
    const match = new RegExp(`^${kind} avg10=([\\d.]+) avg60=([\\d.]+) avg300=([\\d.]+) total=(\\d+)$`, "m").exec(
      text ?? "",
    );
    if (match === null) return undefined;
    const [, Avg10, Avg60, Avg300, total = "0"] = match;
    return { Total: BigInt(total) * 1000n, Avg10: Number(Avg10), Avg60: Number(Avg60), Avg300: Number(Avg300) };
  };
  const [Some, Full] = [line("some"), line("full")];
  if (Some === undefined && Full === undefined) return undefined;
  return { ...(Some && { Some }), ...(Full && { Full }) };
}
