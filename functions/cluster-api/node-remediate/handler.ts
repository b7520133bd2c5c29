import { remediationReasons } from "#api/condition-names.ts";
import { policyDefaults, type TakenStep } from "#api/remediation.ts";
import type { Announcement, Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import {
  appearance,
  change,
  done,
  requeueAfter,
  waitFor,
  type Outcome,
} from "#functions/contract/outcome.ts";
import type { Plan } from "#functions/cluster-api/node-remediate/decision.ts";
import { takeEffect } from "#functions/cluster-api/node-remediate/effects.ts";
import { freshView } from "#functions/cluster-api/node-remediate/fresh-view.ts";
import { planOf } from "#functions/cluster-api/node-remediate/plan.ts";
import { reportOf } from "#functions/cluster-api/node-remediate/report.ts";
import type { RemediationView, RemediationWorld } from "#functions/cluster-api/node-remediate/world.ts";
import { reachesOthers, scopeProblem } from "#functions/cluster-api/remediation-scope.ts";
import { writeStatus } from "#functions/cluster-api/remediation-status.ts";
import type { Remediation } from "#platform/cluster-api/remediation.ts";
import { machines, nodes, remediationRequests, virtualMachineInstances } from "#platform/kube/resources.ts";
import { workloadConnection, type ResourceView } from "#platform/kube/view.ts";

type Event = StepEvent<Remediation, RemediationWorld>;

const LOOK_AGAIN_MS = 60_000;

/** For one kind: a RemediationRequest or a MachineRemediation. */
export function remediate(own: ResourceView<Remediation>) {
  const isRequest = own.type.kind === remediationRequests.kind;

  /** One step: says where the remediation is, or takes the one measure that is due and waits for its effect. */
  return async function (event: Event, deps: Deps): Promise<Outcome> {
    const now = deps.now().getTime();
    const seen = planOf(event, { isRequest, now });
    if (!isFinalOrActs(seen)) return conclude(event, seen, deps);
    const fresh = await freshView(event, own, deps);
    if (fresh === undefined) return done();
    const foreign = await foreignTarget(fresh.view, deps);
    const plan = foreign ?? withoutProof(planOf(fresh.view, { isRequest, now }), fresh.hostProblem);
    if (plan.do !== "begin" && plan.do !== "act") return conclude(fresh.view, untilToldOf(plan, now), deps);
    const step = plan.do === "act" ? plan.step : await begin(fresh.view, plan, deps);
    await takeEffect(fresh.view, step, deps);
    return whileItTakesEffect(fresh.view, step, deps);
  };

  /** The step is written down before it is taken: whoever comes next knows on which object, and that it may have been. */
  async function begin(view: RemediationView, plan: Plan & { do: "begin" }, deps: Deps): Promise<TakenStep> {
    const report = reportOf(view, plan, rfc3339(deps.now()));
    await writeStatus(deps, own.type, view.object, report);
    const { name } = plan.step;
    deps.count("capfn_remediation_steps_total");
    tell(view, deps, {
      type: "Warning",
      reason: `Remediation${name}`,
      message: `${name} of the machine: ${plan.health.message}`,
    });
    const step = report.steps?.at(-1);
    if (step === undefined) throw new Error("the report of a step holds no step");
    return step;
  }

  /** Writes what was found. */
  async function conclude(view: RemediationView, plan: Plan, deps: Deps): Promise<Outcome> {
    const isNews = await writeStatus(deps, own.type, view.object, reportOf(view, plan, rfc3339(deps.now())));
    switch (plan.do) {
      case "close":
        if (isNews) announceEnd(view, plan, deps);
        return done();
      case "hold": {
        if (isNews) {
          deps.count("capfn_remediation_held_total");
          const { reason, message } = plan.refusal;
          deps.announce({ type: own.type, meta: view.object.meta }, { type: "Warning", reason, message });
        }
        const { until, reason } = plan.refusal;
        return until === undefined ? done() : requeueAfter(until - deps.now().getTime(), reason);
      }
      case "end":
        if (plan.state === "Succeeded") {
          announceEnd(view, { phase: "Succeeded", message: plan.proof }, deps);
          return done();
        }
        return requeueAfter(0, `${plan.step.name} ended: ${plan.state}`);
      case "skip":
        return requeueAfter(0, `${plan.step.name} cannot be taken: ${plan.step.reason}`);
      case "wait":
        return whileItTakesEffect(view, plan.step, deps, plan.until);
      case "begin":
      case "act":
        return requeueAfter(0, "what the step rests on has changed");
    }
  }

  function announceEnd(
    view: RemediationView,
    { phase, message }: { readonly phase: string; readonly message: string },
    deps: Deps,
  ): void {
    if (phase === "Escalated") {
      deps.count("capfn_remediation_escalated_total");
      tell(view, deps, { type: "Warning", reason: "RemediationEscalated", message });
    }
    if (phase === "Succeeded" && (view.object.status.steps ?? []).length > 0) {
      deps.count("capfn_remediation_succeeded_total");
      tell(view, deps, { type: "Normal", reason: "RemediationSucceeded", message });
    }
  }

  /** An Event on the remediation, and on the Machine, where people look. */
  function tell({ object, related }: RemediationView, deps: Deps, event: Announcement): void {
    deps.announce({ type: own.type, meta: object.meta }, event);
    if (related.machine !== undefined) deps.announce({ type: machines, meta: related.machine.meta }, event);
  }
}

/** The record of which machine is meant gives no right: what the namespace may not reach is not touched, whoever wrote that record. */
async function foreignTarget({ object, related }: RemediationView, deps: Deps): Promise<Plan | undefined> {
  const own = object.meta.namespace ?? "";
  const wanted = related.machine?.meta.namespace ?? own;
  if (wanted === own || (await reachesOthers(own, deps))) return undefined;
  const refusal = { reason: remediationReasons.ForeignNamespace, message: scopeProblem(own, wanted) };
  return { do: "hold", refusal };
}

/** What may rest on nothing older than a quorum read: a step, and the word that none is needed, which nobody takes back. */
function isFinalOrActs(plan: Plan): boolean {
  return plan.do === "begin" || plan.do === "act" || (plan.do === "close" && plan.phase === "Succeeded");
}

/** What only the step's own reads show may end before any watch tells of it. */
function untilToldOf(plan: Plan, now: number): Plan {
  if (plan.do !== "hold") return plan;
  return { ...plan, refusal: { until: now + LOOK_AGAIN_MS, ...plan.refusal } };
}

/** A guest is not cut off where nothing proves that it has stopped. */
function withoutProof(plan: Plan, hostProblem: string | undefined): Plan {
  if (hostProblem === undefined || !("step" in plan) || plan.step.name !== "PowerCycle") return plan;
  if (plan.do === "act") return { do: "end", step: plan.step, state: "TimedOut", proof: hostProblem };
  if (plan.do !== "begin") return plan;
  const { name, attempt } = plan.step;
  return { do: "skip", step: { name, attempt, reason: "HostNotReady" }, message: hostProblem };
}

/** The Node's next word, for as long as the step has. What else may end it is among the inputs. */
function whileItTakesEffect(view: RemediationView, step: TakenStep, deps: Deps, until?: number): Outcome {
  const { machine, node, vmi } = view.related;
  const name = machine?.status.nodeRef?.name;
  const cluster = { namespace: machine?.meta.namespace ?? "", name: machine?.spec.clusterName ?? "" };
  const targets = [
    ...(node !== undefined ? [change(nodes, node)] : []),
    ...(node === undefined && name !== undefined
      ? [appearance(nodes, { connection: workloadConnection(cluster), name })]
      : []),
    ...(vmi === undefined ? [] : [change(virtualMachineInstances, vmi)]),
  ];
  const deadline = until ?? Date.parse(step.startedAt) + timeoutMs(view);
  return waitFor(targets, {
    timeoutMs: Math.max(1, deadline - deps.now().getTime()),
    reason: `${step.name} takes effect`,
  });
}

function timeoutMs({ object }: RemediationView): number {
  return (object.spec.stepTimeoutSeconds ?? policyDefaults.stepTimeoutSeconds) * 1_000;
}

/** `metav1.Time`: RFC 3339, whole seconds, UTC. */
function rfc3339(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, "Z");
}
