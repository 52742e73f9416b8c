import type { DescMessage, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import { type CriError, type CriErrorCode, grpcStatus } from "@keelson/cri-api/errors";
import type { Connection } from "@keelson/cri-client/probe";
import type { Answer, Failure } from "./facts.ts";

export interface Question<O extends DescMessage> {
  readonly connection: Connection;
  readonly method: DescMethodUnary<DescMessage, O>;
  readonly timeoutMs: number;
}

/** Makes one call with an empty request. What fails is an answer too. */
export async function ask<O extends DescMessage>(question: Question<O>): Promise<Answer<MessageShape<O>>> {
  const { connection, method, timeoutMs } = question;
  try {
    const { message } = await connection.transport.unary(method, undefined, timeoutMs, undefined, {});
    return { answer: "served", value: message };
  } catch (error) {
    const { code, rawMessage, metadata } = error as TransportError;
    // a bare HTTP 404 has the same code and no status
    if (code === grpcStatus.UNIMPLEMENTED && metadata?.get("grpc-status") === "12") return { answer: "unimplemented" };
    if (code === grpcStatus.DEADLINE_EXCEEDED) {
      return failed("DEADLINE_EXCEEDED", `no answer in ${timeoutMs / 1000} s`);
    }
    return failed(categories.get(code ?? 0) ?? "UNKNOWN", rawMessage ?? String(error));
  }
}

/** What the transport throws (ConnectError); its code is gRPC's number. */
interface TransportError {
  readonly code?: number;
  readonly rawMessage?: string;
  readonly metadata?: Headers;
}

const categories = new Map(Object.entries(grpcStatus).map(([code, status]) => [status, code as CriErrorCode]));

function failed(code: CriErrorCode, message: string): Answer<never> {
  return { answer: "failed", failure: { code, reason: undefined, message: clipped(message), hint: undefined } };
}

export function failureOf(error: CriError): Failure {
  return { code: error.code, reason: error.reason, message: clipped(error.message), hint: error.hint };
}

/** Foreign text is as long as its author likes. */
export function clipped(text: string, max = 500): string {
  return text.length > max ? `${text.slice(0, max)}…` : text;
}
