import * as z from "zod";
import { objectMetaSchema } from "#platform/kube/resource.ts";
import type { GuestSpec } from "#platform/simulator/guest-objects.ts";
import { seededChoice } from "#platform/simulator/seeded-choice.ts";

/** A Node of Harvester itself, as far as placement looks at it. */
export const hostSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({ unschedulable: z.boolean().optional() }).prefault({}),
});

export type Host = z.infer<typeof hostSchema>;

/**
 * The host a guest runs on: one of those that are not cordoned and fulfil the guest's node selector and required node affinity
 * (Kubernetes, "Assigning Pods to Nodes"; operators In, NotIn, Exists, DoesNotExist). Undefined when none does.
 */
export function chooseHost(guest: GuestSpec, hosts: readonly Host[], seed: string): string | undefined {
  const fitting = hosts
    .filter((host) => host.spec.unschedulable !== true && fits(guest, host))
    .map((host) => host.metadata.name)
    .sort();
  return seededChoice(seed, "host", fitting);
}

function fits(guest: GuestSpec, host: Host): boolean {
  const labels = host.metadata.labels ?? {};
  const selected = Object.entries(guest.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
  const terms =
    guest.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  // Terms are alternatives; the expressions of one term must all match.
  return (
    selected &&
    (terms === undefined ||
      terms.some((term) => term.matchExpressions.every((expression) => matches(expression, labels))))
  );
}

function matches(
  requirement: { readonly key: string; readonly operator: string; readonly values: readonly string[] },
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[requirement.key];
  switch (requirement.operator) {
    case "In":
      return value !== undefined && requirement.values.includes(value);
    case "NotIn":
      return value === undefined || !requirement.values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      return false;
  }
}
