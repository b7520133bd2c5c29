import { remediationReasons } from "#api/condition-names.ts";
import {
  defaultSteps,
  policyDefaults,
  type RemediationPhase,
  type RemediationStepName,
} from "#api/remediation.ts";
import type { Plan } from "#functions/cluster-api/node-remediate/decision.ts";
import { refusalOf } from "#functions/cluster-api/node-remediate/guards.ts";
import { machineHealth, type Health } from "#functions/cluster-api/node-remediate/health.ts";
import { meansOf } from "#functions/cluster-api/node-remediate/means.ts";
import { situationOf } from "#functions/cluster-api/node-remediate/situation.ts";
import { progressOf } from "#functions/cluster-api/node-remediate/step-progress.ts";
import { isAnother, type RemediationView } from "#functions/cluster-api/node-remediate/world.ts";

/** Who is asked how the machine is, and the time in ms. */
export interface PlanContext {
  readonly isRequest: boolean;
  readonly now: number;
}

/** Pure: told from the world and the record of steps alone, so that an interrupted remediation goes on where it is. */
export function planOf(view: RemediationView, { isRequest, now }: PlanContext): Plan {
  const { object, related } = view;
  const steps = object.status.steps ?? [];
  const last = steps.at(-1);
  const health = machineHealth(view, isRequest);
  if (last?.state === "Running") return progressOf(view, { step: last, health, now });
  if (isAnother(view)) return closed("Closed", "MachineDeleted", "the Machine that was meant is gone");
  if (related.machine?.meta.deletionTimestamp !== undefined)
    return closed("Closed", "MachineDeleted", "the Machine is being deleted");
  if (object.spec.alert?.endsAt !== undefined) return closed("Closed", "AlertEnded", "the alert ended");
  const situation = situationOf(view);
  const refusal = situation && refusalOf(situation, now);
  if (refusal?.reason === remediationReasons.ClusterUnreachable) return { do: "hold", refusal };
  if (health.state === "healthy") {
    const acted = steps.some(({ state }) => state !== "Skipped");
    return closed("Succeeded", acted ? "Healthy" : "NotNeeded", health.message);
  }
  if (health.state === "unknown")
    return { do: "hold", refusal: { reason: remediationReasons.HealthUnknown, message: health.message } };
  const next = nextStep(view);
  if (next.name === "Escalate")
    return closed("Escalated", "Escalated", `${health.message}, and no step is left: a person is needed`);
  if (refusal !== undefined) return { do: "hold", refusal };
  if (object.spec.dryRun === true)
    return closed("Planned", "DryRun", `${health.message}; ${next.name} would be taken`);
  return begun(view, { name: next.name, attempt: next.attempt, health });
}

function begun(
  view: RemediationView,
  next: { name: Exclude<RemediationStepName, "Escalate">; attempt: number; health: Health },
): Plan {
  const { name, attempt, health } = next;
  const means = meansOf(name, view);
  switch (means.kind) {
    case "unknown":
      return {
        do: "hold",
        refusal: { reason: means.reason, message: means.message },
      };
    case "impossible":
      return { do: "skip", step: { name, attempt, reason: means.reason }, message: means.message };
    case "possible": {
      const bootID = view.related.node?.status.nodeInfo.bootID;
      const step = { name, attempt, reason: health.reason, uid: means.uid };
      return { do: "begin", step: { ...step, ...(bootID !== undefined && { bootID }) }, health };
    }
  }
}

/** The first step of the policy that has attempts left. One that cannot be taken has none; one that was not taken after all used none up. */
function nextStep({ object }: RemediationView): { name: RemediationStepName; attempt: number } {
  const { steps: wanted = defaultSteps, maxAttempts = policyDefaults.maxAttempts } = object.spec;
  const taken = object.status.steps ?? [];
  for (const name of wanted) {
    const attempts = taken.filter(
      (step) => step.name === name && (step.state !== "Skipped" || step.uid === undefined),
    );
    const isSpent = attempts.length >= maxAttempts || attempts.at(-1)?.state === "Skipped";
    if (!isSpent) return { name, attempt: attempts.length + 1 };
  }
  return { name: "Escalate", attempt: 1 };
}

function closed(phase: RemediationPhase, reason: keyof typeof remediationReasons, message: string): Plan {
  return { do: "close", phase, reason: remediationReasons[reason], message };
}
