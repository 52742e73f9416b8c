// Calls in which one field is lost between the client and the runtime.
import type { Field } from "../src/case.ts";
import type { Intercept } from "../src/stage/calls.ts";
import { dropField } from "./drop-field.ts";
import { placeOf } from "./drop-place.ts";

/** Loses the field in requests or in answers, as its place is. */
export function droppingCalls(field: Field): Intercept {
  const place = placeOf(field);
  return {
    async unary({ method, request }, next) {
      if (place === "request") return await next(dropField(method.input, request, field));
      const answer = await next(request);
      return place === "answer" ? dropField(method.output, answer, field) : answer;
    },
    async *stream({ method, request }, next) {
      const asked = place === "request" ? dropField(method.input, request, field) : request;
      for await (const message of next(asked)) {
        yield place === "answer" ? dropField(method.output, message, field) : message;
      }
    },
  };
}
