import { remediationConditions } from "#api/condition-names.ts";
import { defaultTtlSeconds } from "#api/remediation-request.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import { isFinal, type Remediation } from "#platform/cluster-api/remediation.ts";
import type { Seen } from "#platform/kube/view.ts";

/**
 * When the request is to go; undefined while it is needed. An alert that fires on is delivered again and again: without its request it would
 * be remediated anew each time.
 */
export function expiryOf(request: Seen<Remediation>): Date | undefined {
  const { spec, status, meta } = request;
  if (meta.deletionTimestamp !== undefined || !isFinal(request)) return undefined;
  if (spec.alert !== undefined && spec.alert.endsAt === undefined) return undefined;
  const endedAt = findCondition(status.conditions, remediationConditions.Remediated)?.lastTransitionTime;
  const times = [endedAt ?? meta.creationTimestamp, spec.alert?.endsAt].flatMap((time) => {
    const ms = Date.parse(time ?? "");
    return Number.isNaN(ms) ? [] : [ms];
  });
  if (times.length === 0) return undefined;
  return new Date(Math.max(...times) + (spec.ttlSecondsAfterFinished ?? defaultTtlSeconds) * 1_000);
}
