import { policyDefaults, type TakenStep } from "#api/remediation.ts";
import type { Plan } from "#functions/cluster-api/node-remediate/decision.ts";
import { refusalOf } from "#functions/cluster-api/node-remediate/guards.ts";
import type { Health } from "#functions/cluster-api/node-remediate/health.ts";
import { ownersAnswer } from "#functions/cluster-api/node-remediate/owner-request.ts";
import { situationOf } from "#functions/cluster-api/node-remediate/situation.ts";
import { isAnother, type RemediationView } from "#functions/cluster-api/node-remediate/world.ts";

interface UnderWay {
  readonly step: TakenStep;
  readonly health: Health;
  /** ms. */
  readonly now: number;
}

/**
 * Where a step is that was written down. Its effect is read off the world by the uid it acts on: an instance or a Machine of another uid is
 * its successor. So a step whose record outlived the process that took it is neither lost nor taken twice.
 */
export function progressOf(view: RemediationView, underWay: UnderWay): Plan {
  return underWay.step.name === "Recreate" ? recreation(view, underWay) : restart(view, underWay);
}

function recreation(view: RemediationView, underWay: UnderWay): Plan {
  const { step, now } = underWay;
  if (isAnother(view)) return ended(step, "Succeeded", `Machine ${step.uid ?? ""} is gone`);
  const until = deadlineOf(view, step);
  const { machine } = view.related;
  const isGoing = machine?.meta.deletionTimestamp !== undefined;
  const pending = isGoing ? "the Machine is still being deleted" : machine && ownersAnswer(machine);
  if (pending === undefined) return untaken(view, underWay, until) ?? { do: "act", step };
  return until <= now ? ended(step, "TimedOut", pending) : { do: "wait", step, until };
}

function restart(view: RemediationView, underWay: UnderWay): Plan {
  const { step, health, now } = underWay;
  const { vmi } = view.related;
  if (isAnother(view)) return ended(step, "Skipped", "the Machine was deleted meanwhile");
  const until = deadlineOf(view, step);
  if (view.unknown.includes("vmi")) return { do: "wait", step, until: Math.max(until, now + UNKNOWN_MS) };
  if (vmi !== undefined && vmi.meta.uid === step.uid) {
    const isStopping = vmi.meta.deletionTimestamp !== undefined;
    if (isStopping && step.name === "Reboot")
      return until <= now
        ? ended(step, "TimedOut", `instance ${vmi.meta.uid} does not stop`)
        : { do: "wait", step, until };
    return untaken(view, underWay, until) ?? { do: "act", step };
  }
  const isStale = saysNothingNew(view, step);
  if (health.state === "healthy" && vmi?.status.phase === "Running" && !isStale)
    return ended(
      step,
      "Succeeded",
      `instance ${step.uid ?? ""} is gone, instance ${vmi.meta.uid} runs; ${health.message}`,
    );
  return until <= now
    ? ended(
        step,
        "TimedOut",
        `instance ${step.uid ?? ""} is gone; ${isStale ? "the Node has not reported since" : health.message}`,
      )
    : { do: "wait", step, until };
}

/**
 * Whether the Node is as the kubelet of before the restart left it: a Node stays Ready for some time after its kubelet has stopped, and it may
 * have become Ready again just before its guest was stopped. A boot id tells without comparing clocks.
 */
function saysNothingNew({ related }: RemediationView, { bootID }: TakenStep): boolean {
  return bootID !== undefined && related.node?.status.nodeInfo.bootID === bootID;
}

/** How long to wait for Harvester to be heard of. */
const UNKNOWN_MS = 60_000;

/**
 * Why a step that was written down is not taken after all: what justified it is gone, or a guard that let it begin forbids it by now, so it may
 * be taken again later; or its time is over, which uses the attempt up, lest one that can never be taken be begun for ever.
 */
function untaken(view: RemediationView, { step, health, now }: UnderWay, until: number): Plan | undefined {
  const situation = situationOf(view);
  const refusal = situation && refusalOf(situation, now);
  const why =
    (refusal && `${refusal.reason}: ${refusal.message}`) ??
    (view.object.spec.alert?.endsAt === undefined ? undefined : "the alert ended") ??
    (health.state === "unhealthy" ? undefined : health.message);
  if (why !== undefined) return ended(step, "Skipped", `not taken: ${why}`);
  return until <= now ? ended(step, "TimedOut", "it took no effect in time") : undefined;
}

function deadlineOf({ object }: RemediationView, { startedAt }: TakenStep): number {
  const { stepTimeoutSeconds = policyDefaults.stepTimeoutSeconds } = object.spec;
  return Date.parse(startedAt) + stepTimeoutSeconds * 1_000;
}

function ended(step: TakenStep, state: TakenStep["state"], proof: string): Plan {
  return { do: "end", step, state, proof };
}
