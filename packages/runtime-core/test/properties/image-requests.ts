import { create } from "@bufbuild/protobuf";
import { ImageSpecSchema } from "@keelson/cri-api/v1";
import { type Answer, type Call, isOk, type Request } from "./calls.ts";
import { images } from "./pods.ts";
import { Violation } from "./violation.ts";

interface Kept {
  /** Changes that run, or that may still run after their caller went. */
  changing: number;
  /** Grows with each change that begins or ends. */
  version: number;
  /** Undefined: nobody can know. */
  present: boolean | undefined;
}

/** Requests about images, and what a caller may believe of the node's. */
export class ImageRequests {
  readonly #explain: (answer: Answer, call: Call) => boolean;
  readonly #kept = new Map<string, Kept>(
    images.map((image) => [image, { changing: 0, version: 0, present: false }] as const),
  );

  constructor(explain: (answer: Answer, call: Call) => boolean) {
    this.#explain = explain;
  }

  pull(image: string): Request {
    const { done, failed } = this.#change(image, true);
    return {
      rpc: "PullImage",
      about: image,
      send: (life, options) => life.images.pullImage({ image: spec(image) }, options),
      judge: (answer, call) => {
        if (isOk(answer)) done();
        else if (!call.left && answer.code !== "DeadlineExceeded") failed();
        if (!isOk(answer)) this.#failed(answer, call);
      },
    };
  }

  remove(image: string): Request {
    const { done, failed } = this.#change(image, false);
    return {
      rpc: "RemoveImage",
      about: image,
      send: (life, options) => life.images.removeImage({ image: spec(image) }, options),
      judge: (answer, call) => {
        if (isOk(answer)) done();
        else if (!call.left && answer.code !== "DeadlineExceeded") failed();
        if (!isOk(answer)) this.#failed(answer, call);
      },
    };
  }

  status(image: string): Request<{ image?: unknown }> {
    const before = { ...this.#of(image) };
    return {
      rpc: "ImageStatus",
      about: image,
      send: (life, options) => life.images.imageStatus({ image: spec(image) }, options),
      judge: (answer, call) => {
        if (!isOk(answer)) return this.#failed(answer, call);
        this.#check(image, before, answer.value.image !== undefined, call);
      },
    };
  }

  list(): Request<{ images: { repoTags: string[] }[] }> {
    const before = images.map((image) => [image, { ...this.#of(image) }] as const);
    return {
      rpc: "ListImages",
      about: "",
      send: (life, options) => life.images.listImages({}, options),
      judge: (answer, call) => {
        if (!isOk(answer)) return this.#failed(answer, call);
        const listed = answer.value.images.flatMap(({ repoTags }) => repoTags);
        for (const [image, kept] of before) this.#check(image, kept, listed.includes(image), call);
      },
    };
  }

  #of(image: string): Kept {
    const kept = this.#kept.get(image);
    if (kept === undefined) throw new Error(`no such image: ${image}`);
    return kept;
  }

  /** A change whose caller has gone may come at any time: then nobody can know any more. */
  #change(image: string, present: boolean): { done(): void; failed(): void } {
    const kept = this.#of(image);
    kept.changing++;
    kept.version++;
    kept.present = undefined;
    const end = (now: boolean | undefined): void => {
      kept.changing--;
      kept.version++;
      kept.present = kept.changing === 0 ? now : undefined;
    };
    return { done: () => end(present), failed: () => end(undefined) };
  }

  #check(image: string, before: Kept, present: boolean, call: Call): void {
    if (before.present === undefined || before.version !== this.#of(image).version || before.present === present)
      return;
    throw new Violation(
      "true answers",
      `#${call.number} ${call.request.rpc} ${image}: want ${before.present}, have ${present}`,
    );
  }

  #failed(answer: Answer, call: Call): void {
    if (this.#explain(answer, call)) return;
    throw new Violation("true answers", `${call.request.rpc} ${image(call)}: ${JSON.stringify(answer)}`);
  }
}

const image = (call: Call): string => call.request.about;

const spec = (name: string) => create(ImageSpecSchema, { image: name });
