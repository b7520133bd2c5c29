/**
 * Order of two resourceVersions: negative when `a` is older. They are decimal numbers of any length (comparable by definition since
 * Kubernetes 1.35, KEP-5504), compared by length and then digit by digit, because they may exceed 2^53.
 */
export function compareVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The newer of two versions; undefined is older than everything. */
export function newerVersion(a: string | undefined, b: string): string {
  return a === undefined || compareVersions(a, b) < 0 ? b : a;
}
