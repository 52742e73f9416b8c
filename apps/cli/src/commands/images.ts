import { connect, type GlobalOptions } from "../endpoint.ts";
import { table } from "../output/table.ts";
import { bytes, shortId } from "../output/units.ts";

export async function images(options: GlobalOptions): Promise<string> {
  await using cri = await connect(options);
  const answer = await cri.images.listImages({});
  const rows = answer.images.flatMap((image) => {
    const names = image.repoTags.length > 0 ? image.repoTags : image.repoDigests.slice(0, 1);
    return (names.length > 0 ? names : ["<none>"]).map((name) => [name, shortId(image.id), bytes(image.size)]);
  });
  return table(
    ["IMAGE", "ID", "SIZE"],
    rows.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
  );
}
