/** What a test gets for `node:process`: an environment that asks for nothing, as `npm test` sees it. */
export default { env: {} as Readonly<Record<string, string | undefined>> };
