import type { SeenMeta } from "#platform/kube/view.ts";

interface Waiting {
  readonly object: { readonly meta: SeenMeta };
}

/** The order of those who wait for an address: by their creation, those of one second by name. For `sort`. */
export function firstComeFirst({ object: a }: Waiting, { object: b }: Waiting): number {
  return (
    compare(a.meta.creationTimestamp ?? "", b.meta.creationTimestamp ?? "") ||
    compare(`${a.meta.namespace ?? ""}/${a.meta.name}`, `${b.meta.namespace ?? ""}/${b.meta.name}`)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
