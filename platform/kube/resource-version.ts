/**
 * Whether `one` is older than `other`. Both must come from the same resource of one API server. Versions are decimal integers that
 * may be compared (Kubernetes API concepts, "Resource versions", since 1.35; true of etcd always); false when one of them is not.
 */
export function isOlder(one: string, other: string): boolean {
  return /^\d+$/.test(one) && /^\d+$/.test(other) && BigInt(one) < BigInt(other);
}
