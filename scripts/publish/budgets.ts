/** What installing and loading a package may cost. A measurement above its budget fails `scripts/check-packages`. */
export interface Budget {
  /** A line of the table in docs/publishing.md. */
  readonly what: string;
  readonly most: number;
  readonly unit: "KiB" | "packages" | "ms";
}

export const budgets = {
  apiInstalled: { what: "`npm install @keelson/cri-api`: size of `node_modules`", most: 4096, unit: "KiB" },
  apiPackages: { what: "`npm install @keelson/cri-api`: packages, with its own", most: 2, unit: "packages" },
  clientInstalled: { what: "`npm install @keelson/cri-client`: size of `node_modules`", most: 6144, unit: "KiB" },
  clientPackages: { what: "`npm install @keelson/cri-client`: packages, with its own", most: 5, unit: "packages" },
  apiTarball: { what: "tarball of `@keelson/cri-api`", most: 256, unit: "KiB" },
  clientTarball: { what: "tarball of `@keelson/cri-client`", most: 96, unit: "KiB" },
  errorsImported: { what: '`import "@keelson/cri-api/errors"`', most: 100, unit: "ms" },
  clientImported: { what: '`import "@keelson/cri-client"`', most: 750, unit: "ms" },
  errorsBundled: { what: "a bundle with `isCriError`, minified", most: 1, unit: "KiB" },
  logsBundled: { what: "a bundle with `parseLogLine`, minified", most: 4, unit: "KiB" },
  messageBundled: { what: "a bundle with one message of `@keelson/cri-api/v1`, minified", most: 192, unit: "KiB" },
} as const satisfies Readonly<Record<string, Budget>>;

export type BudgetName = keyof typeof budgets;

/** The budgets as a table, for the page. */
export function budgetTable(): string {
  const rows = Object.values(budgets).map(({ what, most, unit }) => `| ${what} | ${most} ${unit} |`);
  return ["| what | at most |", "|-|-|", ...rows].join("\n");
}
