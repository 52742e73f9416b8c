import type { Images } from "./images.ts";
import type { Scenario } from "./scenario.ts";
import type { Side } from "./side.ts";
import { ofContainer, tellContainer, tellImage } from "./told.ts";

const pull = async (at: Side, names: readonly string[]): Promise<void> => {
  for (const image of names) await at.cri.images.pullImage({ image: { image } });
};

/** A container of an image that is named in one of the ways that it can be. */
function namedBy(name: string, pick: (images: Images) => string): Scenario {
  return {
    name: `image: ${name}`,
    tells: [...ofContainer, "image"],
    async play(at) {
      await pull(at, at.images.tags);
      const image = pick(at.images);
      const id = await at.start(await at.pod(), { image });
      return async () => ({ ...(await tellContainer(at, id)), ...(await tellImage(at, image)) });
    },
  };
}

function removedBy(name: string, pick: (images: Images) => string): Scenario {
  return {
    name: `image: removed by ${name}`,
    tells: ["image"],
    async play(at) {
      await pull(at, [at.images.oneOfTwo[0], at.images.oneOfTwo[1]]);
      const image = pick(at.images);
      await at.cri.images.removeImage({ image: { image } });
      const [first, second] = [await tellImage(at, at.images.oneOfTwo[0]), await tellImage(at, at.images.oneOfTwo[1])];
      return async () => ({ image: [first, second] });
    },
  };
}

export const imageScenarios: readonly Scenario[] = [
  namedBy("by tag", ({ tags }) => tags[0]),
  namedBy("by a second tag", ({ tags }) => tags[1]),
  namedBy("by digest", ({ digest }) => digest),
  namedBy("by tag and digest", ({ tags, digest }) => `${tags[0]}${digest.slice(digest.indexOf("@"))}`),
  namedBy("by ID", ({ id }) => id),
  namedBy("by ID without its algorithm", ({ id }) => id.replace("sha256:", "")),
  namedBy("by the beginning of its ID", ({ id }) => id.slice(0, "sha256:".length + 13).replace("sha256:", "")),
  {
    name: "image: of two repositories",
    tells: [...ofContainer, "image"],
    async play(at) {
      const [asked, other] = at.images.repositories;
      await pull(at, [asked]);
      const id = await at.start(await at.pod(), { image: asked });
      await pull(at, [other]);
      return async () => ({ ...(await tellContainer(at, id)), ...(await tellImage(at, asked)) });
    },
    exception: {
      fields: ["image_ref"],
      why: "the repository that the container was made from, for its whole life; containerd names the first in the alphabet, which changes while the container runs when the image gets another name",
    },
  },
  {
    name: "image: its names are removed while a container runs",
    tells: [...ofContainer, "image"],
    async play(at) {
      const image = at.images.removed;
      await pull(at, [image]);
      const id = await at.start(await at.pod(), { image });
      await at.cri.images.removeImage({ image: { image } });
      return async () => ({ ...(await tellContainer(at, id)), ...(await tellImage(at, image)) });
    },
    exception: {
      fields: ["image_ref"],
      why: "repo@digest as before; containerd forgets it with the name and tells the ID from then on",
    },
  },
  {
    name: "image: users of images",
    tells: ["image"],
    async play(at) {
      await pull(at, at.images.users);
      return async () => ({
        image: [await tellImage(at, at.images.users[0]), await tellImage(at, at.images.users[1])],
      });
    },
  },
  {
    name: "image: one that is not there",
    tells: ["image"],
    play: async (at) => () => tellImage(at, at.images.missing),
  },
  removedBy("one of two tags", ({ oneOfTwo }) => oneOfTwo[0]),
];
