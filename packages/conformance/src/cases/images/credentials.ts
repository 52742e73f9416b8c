import type { CriErrorCode } from "@keelson/cri-api/errors";
import { expect, expectFailure, expectSuccess, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Stage } from "../../stage/stage.ts";

/** containerd answers Unknown. */
const denied: readonly CriErrorCode[] = ["PERMISSION_DENIED", "UNAUTHENTICATED", "UNKNOWN"];
const registry = (image: string): string => image.split("/", 1)[0] ?? "";

const ofTheSuite = { needs: ["own-images"], alone: "images" } as const;

function withUser({ images, cri, defer }: Stage) {
  const { image, username, password } = images.own?.withUser ?? fail("the target has no images of the suite's own");
  defer("image", () => cri.removeImage({ image: { image } }));
  const pull = (auth: Parameters<typeof cri.pullImage>[0]["auth"]) =>
    cri.pullImage({ image: { image }, ...(auth === undefined ? {} : { auth }) });
  return { image, username, password, pull };
}

function withToken({ images, cri, defer }: Stage) {
  const found = images.own?.withToken ?? fail("the target has no images of the suite's own");
  const { image, identityToken, registryToken } = found;
  defer("image", () => cri.removeImage({ image: { image } }));
  const pull = (auth: Parameters<typeof cri.pullImage>[0]["auth"]) =>
    cri.pullImage({ image: { image }, ...(auth === undefined ? {} : { auth }) });
  return { image, identityToken, registryToken, pull };
}

export const byUser: Case = defineCase({
  ...ofTheSuite,
  name: "an image that wants a user and a password is pulled with them, and not without, also when it is there",
  cites: "runtime.v1 AuthConfig: username, password; PullImageRequest.auth unset: without credentials",
  covers: ["PullImageRequest.auth", "AuthConfig.username", "AuthConfig.password"],
  async run(stage) {
    const { image, username, password, pull } = withUser(stage);
    await expectFailure(pull(undefined), denied);
    await expectFailure(pull({ username, password: `${password}x` }), denied);
    await expectFailure(pull({ username: `${username}x`, password }), denied);
    expect((await stage.cri.imageStatus({ image: { image } })).image).toBeUndefined();
    const { imageRef } = await expectSuccess(pull({ username, password }));
    expect((await stage.cri.imageStatus({ image: { image } })).image?.id).toBe(imageRef);
    // one who may not have it does not get it for being there
    await expectFailure(pull(undefined), denied);
  },
});

export const byPair: Case = defineCase({
  ...ofTheSuite,
  name: "user and password can be one word, as they stand in a Docker configuration file",
  cites: 'runtime.v1 AuthConfig.auth: "USER:PASSWORD" in base64',
  covers: ["PullImageRequest.auth", "AuthConfig.auth"],
  async run(stage) {
    const { username, password, pull } = withUser(stage);
    const pair = (text: string): string => Buffer.from(text).toString("base64");
    await expectFailure(pull({ auth: pair(`${username}:wrong`) }), denied);
    await expectSuccess(pull({ auth: pair(`${username}:${password}`) }));
  },
});

export const forItsServer: Case = defineCase({
  ...ofTheSuite,
  name: "credentials go to the registry that they are for, and to no other",
  cites: "runtime.v1 AuthConfig.server_address: URL of the registry that the credentials are for",
  covers: ["AuthConfig.server_address"],
  async run(stage) {
    const { image, username, password, pull } = withUser(stage);
    await expectFailure(pull({ username, password, serverAddress: "https://registry.elsewhere.example" }), denied);
    await expectSuccess(pull({ username, password, serverAddress: `http://${registry(image)}` }));
  },
});

export const byIdentityToken: Case = defineCase({
  ...ofTheSuite,
  name: "an identity token is given to the registry's token server for an access token",
  cites: "runtime.v1 AuthConfig.identity_token: a refresh token; Docker Registry v2 authentication by OAuth2",
  covers: ["PullImageRequest.auth", "AuthConfig.identity_token"],
  async run(stage) {
    const { image, identityToken, pull } = withToken(stage);
    await expectFailure(pull(undefined), denied);
    await expectFailure(pull({ identityToken: `${identityToken}x` }), denied);
    const { imageRef } = await expectSuccess(pull({ identityToken }));
    expect((await stage.cri.imageStatus({ image: { image } })).image?.id).toBe(imageRef);
  },
});

export const byRegistryToken: Case = defineCase({
  ...ofTheSuite,
  name: "an access token is sent to the registry as it is",
  cites: "runtime.v1 AuthConfig.registry_token",
  covers: ["PullImageRequest.auth", "AuthConfig.registry_token"],
  async run(stage) {
    const { image, registryToken, pull } = withToken(stage);
    await expectFailure(pull({ registryToken: `${registryToken}x` }), denied);
    const { imageRef } = await expectSuccess(pull({ registryToken }));
    expect((await stage.cri.imageStatus({ image: { image } })).image?.id).toBe(imageRef);
  },
});
