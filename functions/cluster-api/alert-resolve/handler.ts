import * as z from "zod";
import { remediationConditions, remediationReasons } from "#api/condition-names.ts";
import { hintsOf, type Hints } from "#functions/cluster-api/alert-resolve/hints.ts";
import { byNode, climb, unresolved, type Resolution } from "#functions/cluster-api/alert-resolve/ladder.ts";
import { reachesOthers, scopeProblem } from "#functions/cluster-api/remediation-scope.ts";
import { writeStatus } from "#functions/cluster-api/remediation-status.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import type { Remediation } from "#platform/cluster-api/remediation.ts";
import { pods, remediationRequests } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Machines a request may mean. */
export interface Candidates {
  readonly machines: readonly Seen<Machine>[];
  /** All Machines of the cluster that is named, for a Pod's Node. */
  readonly ofCluster: readonly Seen<Machine>[];
}

type ResolveEvent = StepEvent<Remediation, Candidates>;

const podSchema = z.looseObject({ spec: z.looseObject({ nodeName: z.string().optional() }).prefault({}) });

/** Nothing tells that a Pod was scheduled, or that a namespace may now reach others; that a machine appeared is told. */
const LOOK_AGAIN_MS = 60_000;

/** Writes which machine is meant, or why that cannot be told. An alert that ended before is closed. */
export async function resolveTarget(event: ResolveEvent, deps: Deps): Promise<Outcome> {
  const { object } = event;
  if (object.spec.alert?.endsAt !== undefined) {
    await writeStatus(deps, remediationRequests, object, {
      phase: "Closed",
      conditions: [ended],
    });
    return done();
  }
  const resolution = await resolve(event, deps);
  if (resolution.kind === "found") {
    const { by, machine } = resolution.target;
    const message = `Machine ${machine}, by ${by}`;
    await writeStatus(deps, remediationRequests, object, {
      phase: "Pending",
      target: resolution.target,
      conditions: [
        { type: remediationConditions.TargetResolved, status: "True", reason: "MachineFound", message },
      ],
    });
    return done();
  }
  const { reason, message } = resolution;
  const condition = { type: remediationConditions.TargetResolved, status: "False", reason, message } as const;
  const isNews = await writeStatus(deps, remediationRequests, object, {
    phase: "Unresolved",
    conditions: [condition],
  });
  if (isNews) deps.count("capfn_remediation_unresolved_total");
  const isSilent = reason === remediationReasons.ForeignNamespace || hintsOf(object).pod !== undefined;
  return isSilent ? requeueAfter(LOOK_AGAIN_MS, reason) : done();
}

const ended = {
  type: remediationConditions.Remediated,
  status: "Unknown",
  reason: remediationReasons.AlertEnded,
  message: "the alert ended before its machine was found",
} as const;

async function resolve({ object, related }: ResolveEvent, deps: Deps): Promise<Resolution> {
  const known = hintsOf(object);
  const own = object.meta.namespace ?? "";
  if (isPlain(known, own, related.machines)) return climb(known, related.machines);
  const isWide = known.namespace !== own && (await reachesOthers(own, deps));
  if (known.namespace !== undefined && known.namespace !== own && !isWide)
    return unresolved("ForeignNamespace", scopeProblem(own, known.namespace));
  const hints: Hints = { ...known, namespace: known.namespace ?? (isWide ? undefined : own) };
  const found = climb(hints, related.machines);
  if (found.kind === "found" || found.reason !== remediationReasons.NoSuchMachine) return found;
  const nodeName = await nodeOfPod(hints, deps);
  return nodeName === undefined ? found : byNode(hints, nodeName, related.ofCluster);
}

/** The answer is the same whether or not requests of this namespace reach others, so nobody is asked: it is that of most alerts of a storm. */
function isPlain({ pod, namespace }: Hints, own: string, machines: readonly Seen<Machine>[]): boolean {
  return pod === undefined && namespace === undefined && machines.every(({ meta }) => meta.namespace === own);
}

async function nodeOfPod({ pod, cluster, namespace }: Hints, deps: Deps): Promise<string | undefined> {
  if (pod === undefined || cluster === undefined || namespace === undefined) return undefined;
  const workload = await deps.workload({ namespace, name: cluster });
  const found = await workload.get(pods, pod);
  return found === undefined ? undefined : podSchema.parse(found).spec.nodeName;
}
