import type { StoredObject } from "#cli/restore/stored-object.ts";

/** What others name without being owned by it comes first; admission may look for it. */
const RANKS: Readonly<Record<string, number>> = {
  Namespace: 0,
  Secret: 1,
  ConfigMap: 1,
  ClusterClass: 3,
  Cluster: 4,
};
const TEMPLATE_RANK = 2;
const LAST_RANK = 5;

/**
 * Objects in the order they are created: each after its owners, as far as these are in the backup, so that the garbage collector finds
 * every owner it looks for. A Cluster comes before everything that is not named by it, and it comes paused.
 */
export function inOrder(objects: readonly StoredObject[]): StoredObject[] {
  const byUid = new Map(objects.map((each) => [each.object.metadata.uid, each]));
  const placed = new Set<string>();
  const order: StoredObject[] = [];
  const place = (each: StoredObject, path: ReadonlySet<string>): void => {
    const { uid, ownerReferences = [] } = each.object.metadata;
    // Owners in a circle cannot all come first; the circle is opened at the object that was asked for.
    if (placed.has(uid) || path.has(uid)) return;
    const further = new Set([...path, uid]);
    for (const reference of ownerReferences) {
      const owner = byUid.get(reference.uid);
      if (owner !== undefined) place(owner, further);
    }
    placed.add(uid);
    order.push(each);
  };
  for (const each of objects.toSorted((a, b) => rank(a) - rank(b) || name(a).localeCompare(name(b))))
    place(each, new Set());
  return order;
}

function rank({ type: { kind } }: StoredObject): number {
  return RANKS[kind] ?? (kind.endsWith("Template") ? TEMPLATE_RANK : LAST_RANK);
}

function name({ type, object: { metadata } }: StoredObject): string {
  return `${type.kind}/${metadata.namespace ?? ""}/${metadata.name}`;
}
