import { injectionConditions } from "#api/condition-names.ts";
import { capfnGroup, watchFilterLabel } from "#api/names.ts";
import { emissionOf, type Planned } from "#functions/cluster-api/event-inject/plan.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, type Outcome } from "#functions/contract/outcome.ts";
import { mergeConditions } from "#platform/cluster-api/conditions.ts";
import type { EventInjection } from "#platform/cluster-api/event-injection.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { eventInjections, remediationRequests } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/**
 * Says in the status that the event is taken, or why it never will be, and then lets it happen. Should the process end in between, nothing
 * is lost: its successor looks at everything anyway. What makes a request makes it before: its name is the injection's, so that there is one.
 */
export async function takeInjection(event: StepEvent<EventInjection, object>, deps: Deps): Promise<Outcome> {
  const { meta, status } = event.object;
  const planned = emissionOf(event.object);
  if (planned.kind === "taken") await request(planned, event.object, deps);
  const now = deps.now();
  const generation = meta.generation === undefined ? {} : { observedGeneration: meta.generation };
  const condition = {
    type: injectionConditions.Taken,
    status: planned.kind === "taken" ? ("True" as const) : ("False" as const),
    reason: planned.reason,
    message: planned.message,
    ...generation,
  };
  await deps.management.mergePatch(
    eventInjections,
    { namespace: meta.namespace, name: meta.name },
    {
      metadata: { resourceVersion: meta.resourceVersion },
      status: {
        ...generation,
        ...(planned.kind === "taken" && { takenAt: now.toISOString() }),
        conditions: mergeConditions(status.conditions, [condition], now),
      },
    },
    { subresource: "status" },
  );
  return done(planned.kind === "taken" ? [planned.emission] : []);
}

/** Nothing is believed of what was injected: the request is remediated only if its machine turns out to be unwell. */
async function request(
  { request: wanted }: Extract<Planned, { kind: "taken" }>,
  { meta: { namespace }, metadata }: Seen<EventInjection>,
  deps: Deps,
): Promise<void> {
  if (wanted === undefined) return;
  const { name, target } = wanted;
  // Of several hubs the one that takes the injection is to act for the request too.
  const filter = metadata.labels[watchFilterLabel];
  const labels = filter === undefined ? {} : { labels: { [watchFilterLabel]: filter } };
  try {
    await deps.management.create(remediationRequests, {
      apiVersion: `${capfnGroup}/v1alpha1`,
      kind: remediationRequests.kind,
      metadata: { namespace, name, ...labels },
      spec: { source: "Injection", target },
    });
  } catch (error) {
    if (!isKubeError(error, "alreadyExists")) throw error;
  }
}
