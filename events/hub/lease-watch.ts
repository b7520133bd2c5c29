import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject, ObjectName } from "#platform/kube/resource.ts";
import { leases } from "#platform/kube/resources.ts";
import { sleep, type Clock } from "#platform/process/clock.ts";

/** Pause before a watch that ended by an error of our own is opened anew, ms. */
const AGAIN_MS = 5_000;

/**
 * Tells of every change of one Lease, and of its end as undefined, until the signal aborts. Only hints: a watch that may not be opened, or says
 * nothing, costs time and no more, because candidates look at the Lease themselves.
 */
export function watchLease(
  client: Pick<KubeClient, "watch">,
  { namespace, name }: ObjectName,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  told: (current: KubeObject | undefined) => void,
): void {
  const follow = async (): Promise<void> => {
    const options = { namespace, fieldSelector: `metadata.name=${name}`, signal };
    for await (const event of client.watch(leases, options)) {
      if (signal.aborted) return;
      if (event.type === "added" || event.type === "modified") told(event.object);
      else if (event.type === "deleted") told(undefined);
    }
  };
  const keep = async (): Promise<void> => {
    while (!signal.aborted) {
      await follow().catch(() => undefined);
      await sleep(clock, AGAIN_MS, signal).catch(() => undefined);
    }
  };
  void keep();
}
