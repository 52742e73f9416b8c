/** The kubelet's own limit for a message. */
export const longestMessage: number = 16 * 1024 * 1024;

/** How deep messages may be in messages; CRI's own are a few levels deep. */
export const recursionLimit = 64;
