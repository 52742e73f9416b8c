/** What stands between `<!-- NAME: … -->` and `<!-- /NAME -->` in a page. */
export function readBlock(page: string, name: string): string {
  return find(page, name).block;
}

/** The page with another block. @throws when the page has none of this name */
export function replaceBlock(page: string, name: string, block: string): string {
  const { before, after } = find(page, name);
  return `${before}\n\n${block}\n\n${after}`;
}

function find(page: string, name: string): { before: string; block: string; after: string } {
  const begin = page.indexOf(`<!-- ${name}: `);
  const open = page.indexOf("-->", begin);
  const close = page.indexOf(`<!-- /${name} -->`, open);
  if (begin < 0 || open < 0 || close < 0)
    throw new Error(`the page has no block <!-- ${name}: … --> … <!-- /${name} -->`);
  return { before: page.slice(0, open + 3), block: page.slice(open + 3, close).trim(), after: page.slice(close) };
}
