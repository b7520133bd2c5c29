import { remediationScopeLabel } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { namespaces } from "#platform/kube/resources.ts";

/**
 * Whether remediations in this namespace may be about machines of others. Read anew each time: a namespace that loses the label loses its reach.
 *
 * @throws KubeError when the management API does not answer.
 */
export async function reachesOthers(namespace: string, deps: Pick<Deps, "management">): Promise<boolean> {
  const found = await deps.management.get(namespaces, { name: namespace });
  return found?.metadata.labels?.[remediationScopeLabel.name] === remediationScopeLabel.value;
}

/** That a namespace may not reach others, and how it may. */
export function scopeProblem(own: string, wanted: string): string {
  return `the Machine is to be in namespace ${wanted}, but requests in ${own} reach their own namespace only; label Namespace ${own} ${remediationScopeLabel.name}=${remediationScopeLabel.value}`;
}
