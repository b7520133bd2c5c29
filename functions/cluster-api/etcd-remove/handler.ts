import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { change, done, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { dutyOf, type ControlPlaneScope } from "#functions/cluster-api/etcd-remove/duty.ts";
import { guardMachine, withdrawHook } from "#functions/cluster-api/etcd-remove/hook.ts";
import { machineBefore } from "#functions/cluster-api/etcd-remove/turn.ts";
import { removeMember } from "#functions/cluster-api/etcd-remove/removal.ts";
import { verifyRemoval } from "#functions/cluster-api/etcd-remove/verification.ts";
import { clusterView, machineView, type Machine } from "#platform/cluster-api/cluster.ts";
import { controlPlaneMachines } from "#functions/cluster-api/control-plane-machines.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { machines } from "#platform/kube/resources.ts";

type Event = StepEvent<Machine, ControlPlaneScope>;

const TURN_TIMEOUT_MS = 10 * 60_000;

/**
 * One step for a control plane Machine. What is destroyed rests on quorum reads of Machine, Cluster and the other Machines, and on a survey of
 * etcd itself; a stale or forged event leads to the same look and to nothing else.
 */
export async function careForMember(event: Event, deps: Deps): Promise<Outcome> {
  const { object, related } = event;
  const seen = dutyOf(event);
  if (seen === "none") return done();
  if (seen === "guard") return guardMachine(object, deps);
  const fresh = await freshLook(deps.management, machineView, object.meta);
  if (fresh?.meta.uid !== object.meta.uid || related.cluster === undefined) return done();
  const cluster = await freshLook(deps.management, clusterView, related.cluster.meta);
  const duty = dutyOf({ object: fresh, related: { ...related, cluster } });
  if (duty === "withdraw") {
    await withdrawHook(fresh, deps);
    return done();
  }
  if (duty !== "remove" && duty !== "verify") return done();
  if (cluster === undefined) return done();
  const controlPlane = await controlPlaneMachines(cluster, deps);
  const member = { own: fresh, cluster, controlPlane, connection: related.connection };
  if (duty === "verify") return verifyRemoval(member, deps);
  const before = machineBefore(fresh, controlPlane);
  if (before !== undefined) {
    return waitFor(
      [change(machines, related.controlPlane.find(({ meta }) => meta.uid === before.meta.uid) ?? before)],
      {
        timeoutMs: TURN_TIMEOUT_MS,
        reason: `Machine ${before.meta.name} of the same control plane goes first`,
      },
    );
  }
  return removeMember(member, deps);
}
