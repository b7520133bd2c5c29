import { remediationReasons, type RemediationReason } from "#api/condition-names.ts";
import type { ResolvedTarget } from "#api/remediation.ts";
import type { Hints, Rung } from "#functions/cluster-api/alert-resolve/hints.ts";
import { machineView, type Machine } from "#platform/cluster-api/cluster.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Which machine is meant, or why that cannot be told. The message is deterministic. */
export type Resolution =
  | { readonly kind: "found"; readonly target: ResolvedTarget }
  | { readonly kind: "unresolved"; readonly reason: RemediationReason; readonly message: string };

/** Names in a message; more are counted. */
const NAMED = 5;

/**
 * Climbs the ladder: the first rung that leads to any machine decides. It must lead to one, and no lower rung may lead elsewhere: a label that
 * disagrees means that the alert is about something else than it seems. Never a guess between two.
 */
export function climb(hints: Hints, machines: readonly Seen<Machine>[]): Resolution {
  if (hints.rungs.length === 0 && hints.pod === undefined)
    return unresolved(
      "NothingToGoBy",
      "neither spec.target nor a label of the alert says which machine is meant",
    );
  const within = machines.filter((machine) => isWithin(hints, machine));
  const found = hints.rungs
    .map((rung) => ({ rung, machines: within.filter((machine) => fits(machine, rung)) }))
    .filter(({ machines: fitting }) => fitting.length > 0);
  const [first, ...lower] = found;
  if (first === undefined) return unresolved("NoSuchMachine", `no Machine fits ${told(hints)}`);
  const [machine, ...others] = first.machines;
  if (machine === undefined || others.length > 0)
    return unresolved(
      "Ambiguous",
      `${first.rung.by} fits ${named(first.machines)}; say which by its namespace or cluster`,
    );
  const elsewhere = lower.find(({ machines: fitting }) => !fitting.includes(machine));
  if (elsewhere !== undefined)
    return unresolved(
      "Contradictory",
      `${first.rung.by} leads to ${named([machine])}, but ${elsewhere.rung.by} to ${named(elsewhere.machines)}`,
    );
  return { kind: "found", target: targetOf(machine, first.rung.by) };
}

/** The machine whose Node runs the Pod the alert is about. */
export function byNode(hints: Hints, nodeName: string, machines: readonly Seen<Machine>[]): Resolution {
  return climb({ ...hints, rungs: [{ by: "label pod", index: "node", value: nodeName }] }, machines);
}

/** That there is no such machine, in the words of {@link climb}. */
export function unresolved(reason: RemediationReason, message: string): Resolution {
  return { kind: "unresolved", reason: remediationReasons[reason], message };
}

function isWithin({ namespace, cluster }: Hints, { meta, spec }: Seen<Machine>): boolean {
  return (
    (namespace === undefined || meta.namespace === namespace) &&
    (cluster === undefined || spec.clusterName === cluster)
  );
}

function fits(machine: Seen<Machine>, { index, value }: Rung): boolean {
  return machineView.indexes?.(machine)[index]?.includes(value) === true;
}

function targetOf({ meta, spec, status }: Seen<Machine>, by: string): ResolvedTarget {
  return {
    by,
    namespace: meta.namespace ?? "",
    cluster: spec.clusterName,
    machine: meta.name,
    machineUID: meta.uid,
    ...(status.nodeRef !== undefined && { node: status.nodeRef.name }),
  };
}

function told({ rungs, pod, cluster, namespace }: Hints): string {
  const known = rungs.map(({ by, value }) => `${by} ${value}`);
  if (pod !== undefined) known.push(`label pod ${pod.namespace}/${pod.name}`);
  const where = [
    ...(cluster === undefined ? [] : [`in Cluster ${cluster}`]),
    ...(namespace === undefined ? [] : [`in namespace ${namespace}`]),
  ];
  return [known.join(" or "), ...where].join(" ");
}

function named(machines: readonly Seen<Machine>[]): string {
  const names = machines.map(({ meta }) => `Machine ${meta.namespace ?? ""}/${meta.name}`).toSorted();
  const more = names.length - NAMED;
  return [...names.slice(0, NAMED), ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
