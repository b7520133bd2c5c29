import { expiryOf } from "#functions/cluster-api/remediation-expire/expiry.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import type { Remediation } from "#platform/cluster-api/remediation.ts";
import { remediationRequests } from "#platform/kube/resources.ts";

/** Deletes the record, under its uid. */
export async function expireRequest(
  { object }: StepEvent<Remediation, object>,
  deps: Deps,
): Promise<Outcome> {
  const at = expiryOf(object);
  if (at === undefined) return done();
  const leftMs = at.getTime() - deps.now().getTime();
  if (leftMs > 0) return requeueAfter(leftMs, "it is kept until then");
  const { namespace, name, uid } = object.meta;
  await deps.management.delete(remediationRequests, { namespace, name }, { uid });
  return done();
}
