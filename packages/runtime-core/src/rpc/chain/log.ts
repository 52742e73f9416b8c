import type { Core } from "../../core.ts";
import { about } from "../call.ts";
import type { CallEnd, Link } from "./chain.ts";

/** Says how each call ended, as loud as it concerns an operator. */
export const log: Link = (core, { kind }) => {
  const lostCaller = kind === "stream" ? "debug" : "info";
  return (call) => ({
    told(end) {
      const { code, error, parts } = end;
      const fields = { ...about(call), ...(parts !== undefined && { parts }), tookMs: Math.round(end.tookMs) };
      if (code === "OK") core.log.debug("call answered", fields);
      // streams end so: their callers go when they have seen enough
      else if (code === "CANCELED") core.log[lostCaller]("call left by its caller", { ...fields, code, error });
      else core.log[loudness(code)]("call failed", { ...fields, code, error });
    },
  });
};

function loudness(code: CallEnd["code"]): keyof Core["log"] {
  if (code === "INTERNAL" || code === "DATA_LOSS") return "error";
  if (code === "DEADLINE_EXCEEDED" || code === "UNKNOWN") return "warn";
  // a kubelet asks for what is gone all the time
  return code === "NOT_FOUND" ? "debug" : "info";
}
