import type { Hub } from "#events/hub/hub.ts";
import type { Scope } from "#events/hub/names.ts";
import type { KubeClient, WatchEvent } from "#platform/kube/client.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** How a stream tells what it learns of its API server's health. */
export interface StreamHealth {
  alive(): void;
  disrupted(error: Error): void;
}

export type Deliver = (view: ResourceView<unknown>, scope: Scope, event: WatchEvent) => void;

/** Feeds one watch into the hub until the signal aborts. */
export async function runStream(
  hub: Hub,
  client: KubeClient,
  what: { view: ResourceView<unknown>; scope: Scope },
  how: { signal: AbortSignal; health: StreamHealth; deliver: Deliver },
): Promise<void> {
  const { view, scope } = what;
  const events = client.watch(view.type, {
    namespace: scope.namespace,
    metadataOnly: view.metadataOnly,
    notOlderThan: hub.notOlderThan(view, scope),
    signal: how.signal,
  });
  for await (const event of events) {
    if (how.signal.aborted) return;
    if (event.type === "disrupted") how.health.disrupted(event.error);
    else if (event.type !== "relist") how.health.alive();
    how.deliver(view, scope, event);
  }
}
