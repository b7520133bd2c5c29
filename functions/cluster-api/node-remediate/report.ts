import { remediationConditions, remediationReasons } from "#api/condition-names.ts";
import type { ResolvedTarget, TakenStep } from "#api/remediation.ts";
import type { StatusChange } from "#functions/cluster-api/remediation-status.ts";
import type { Begun, Plan } from "#functions/cluster-api/node-remediate/decision.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import type { RemediationView } from "#functions/cluster-api/node-remediate/world.ts";

/** The change of the status that tells a plan. `time` is RFC 3339. */
export function reportOf(view: RemediationView, plan: Plan, time: string): StatusChange {
  const { object } = view;
  const steps = object.status.steps ?? [];
  const target = object.status.target ?? targetOf(view);
  const shared = target === undefined ? {} : { target };
  switch (plan.do) {
    case "close":
      return {
        ...shared,
        phase: plan.phase,
        conditions: [remediated(plan.phase, plan.reason, plan.message), ...released(view, plan.reason)],
      };
    case "hold":
      return {
        ...shared,
        phase: "Held",
        conditions: [allowed("False", plan.refusal.reason, plan.refusal.message)],
      };
    case "begin":
      return {
        ...shared,
        phase: "Running",
        steps: [...steps, taken(plan.step, time)],
        conditions: [
          allowed("True", remediationReasons.Allowed, ""),
          remediated("Running", remediationReasons.InProgress, `${plan.step.name}: ${plan.health.message}`),
        ],
      };
    case "skip": {
      const skipped = { ...taken(plan.step, time), state: "Skipped", finishedAt: time } as const;
      return { ...shared, steps: [...steps, { ...skipped, proof: plan.message }], conditions: [] };
    }
    case "end": {
      const isOver = plan.state === "Succeeded";
      const finished = { ...plan.step, state: plan.state, proof: plan.proof, finishedAt: time };
      return {
        ...shared,
        phase: isOver ? "Succeeded" : "Pending",
        steps: [...steps.slice(0, -1), finished],
        conditions: isOver ? [remediated("Succeeded", remediationReasons.Healthy, plan.proof)] : [],
      };
    }
    case "act":
    case "wait":
      return { ...shared, conditions: [] };
  }
}

function taken(step: Begun, time: string): TakenStep {
  return { ...step, state: "Running", startedAt: time };
}

function targetOf({ related: { machine } }: RemediationView): ResolvedTarget | undefined {
  if (machine === undefined) return undefined;
  const { meta, spec, status } = machine;
  return {
    by: "ownerReference",
    namespace: meta.namespace ?? "",
    cluster: spec.clusterName,
    machine: meta.name,
    machineUID: meta.uid,
    ...(status.nodeRef !== undefined && { node: status.nodeRef.name }),
  };
}

/** What held it back is not looked at any more. */
function released({ object }: RemediationView, reason: string) {
  const held = findCondition(object.status.conditions, remediationConditions.RemediationAllowed);
  if (held?.status !== "False") return [];
  return [{ type: held.type, status: "Unknown", reason, message: "" } as const];
}

function allowed(status: "True" | "False", reason: string, message: string) {
  return { type: remediationConditions.RemediationAllowed, status, reason, message };
}

function remediated(phase: string, reason: string, message: string) {
  const status =
    phase === "Succeeded" ? "True" : phase === "Running" || phase === "Escalated" ? "False" : "Unknown";
  return { type: remediationConditions.Remediated, status, reason, message } as const;
}
