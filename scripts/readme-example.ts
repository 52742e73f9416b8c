/** The TypeScript examples of a page, in order. @throws when it has none */
export function readmeExamples(page: string): readonly string[] {
  const found = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
  if (found.length === 0) throw new Error("the page has no example");
  return found;
}

/** The first of them. */
export function readmeExample(page: string): string {
  return readmeExamples(page)[0] ?? "";
}
