/**
 * Lets everything else that is ready go first. What takes time on a real machine takes at least one turn here, so that
 * operations which overlap there overlap here too.
 */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
