/** What cases are about; the first word of a case's ID. */
export const areas = [
  "life-cycle",
  "idempotence",
  "concurrency",
  "identifiers",
  "filters",
  "events",
  "status",
  "errors",
  "images",
  "exec",
  "logs",
  "stats",
  "restart",
] as const;

export type Area = (typeof areas)[number];
