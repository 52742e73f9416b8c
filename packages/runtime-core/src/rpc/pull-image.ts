import { CriError } from "@keelson/cri-api/errors";
import { type AuthConfig, PullImageRequestSchema } from "@keelson/cri-api/v1";
import { redact } from "../redact.ts";
import { checkText } from "../validation/check-text.ts";
import { namedImage } from "./named-image.ts";
import type { ImageRpc } from "./rpc.ts";
import { categorize } from "./to-connect-error.ts";

export const pullImage: ImageRpc<"pullImage"> = (core) => async (request, call) => {
  checkText(PullImageRequestSchema, request, "");
  const image = namedImage(request);
  try {
    const { id } = await core.pulls.run({ image, auth: request.auth, sandbox: request.sandboxConfig }, call);
    return { imageRef: id };
  } catch (error) {
    throw withoutSecrets(error, request.auth);
  }
};

/** The error without the caller's credentials, should they have come back in a registry's answer. */
function withoutSecrets(error: unknown, auth: AuthConfig | undefined): unknown {
  if (auth === undefined) return error;
  const secrets = [auth.password, auth.auth, auth.identityToken, auth.registryToken].filter((one) => one !== "");
  const told = chain(error).some((text) => secrets.some((secret) => text.includes(secret)));
  if (!told) return error;
  const { code, message, hint, prefix } = categorize(error);
  return new CriError(code, redact(message, secrets), {
    ...(hint === undefined ? {} : { hint: redact(hint, secrets) }),
    ...(prefix === undefined ? {} : { prefix }),
  });
}

/** Everything that an error and its causes say. */
function chain(error: unknown): readonly string[] {
  const texts: string[] = [];
  for (let one = error, depth = 0; one instanceof Error && depth < 16; one = one.cause, depth++) {
    texts.push(one.message, one.stack ?? "", "hint" in one ? String(one.hint) : "");
  }
  return texts;
}
