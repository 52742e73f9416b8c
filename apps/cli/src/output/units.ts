/** 4.1 MB, in powers of 1000 as registries count. */
export function bytes(count: bigint): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = Number(count);
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** 12 ms, 1.4 s, 3 min 20 s */
export function duration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** How long ago a time in nanoseconds since 1970 was. */
export function age(atNs: bigint, nowMs: number = Date.now()): string {
  const seconds = Math.max(0, Math.round(nowMs / 1000 - Number(atNs / 1_000_000_000n)));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** The first 13 digits of an ID, or of a digest without its algorithm, as crictl shows them. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 13);
}
