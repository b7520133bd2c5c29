import { clusterConditions, clusterReasons } from "#api/condition-names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { change, done, requeueAfter, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { letGo } from "#functions/harvester/cluster-hold.ts";
import { takeBackCredentials } from "#functions/harvester/cluster-delete/credentials.ts";
import {
  cloudAccountName,
  cloudBindingName,
  loadBalancerHolder,
  loadBalancerPoolName,
  vmPoolName,
} from "#functions/harvester/cluster-names.ts";
import { reportOnCluster } from "#functions/harvester/cluster-report.ts";
import { confirmed } from "#functions/harvester/cluster-delete/confirm.ts";
import { abandonReason, deleteStep, some, type Waiting } from "#functions/harvester/cluster-delete/plan.ts";
import { leftEntries, releaseEntries } from "#functions/harvester/cluster-delete/pool-entries.ts";
import type { LeftOfCluster } from "#functions/harvester/cluster-delete/world.ts";
import { readCloudMark } from "#platform/cluster-api/cloud-config-record.ts";
import { ENDPOINT_ANNOTATION, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { harvesterClusters, ipPools, loadBalancers, services } from "#platform/kube/resources.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import type { Seen, SeenMeta } from "#platform/kube/view.ts";

type Event = StepEvent<HarvesterClusterBody, LeftOfCluster>;

/** A pool that others hold addresses of is looked at again after this time, though its every change wakes us. */
const POOL_TIMEOUT_MS = 10 * 60_000;
/** Harvester holds what it has to clean up behind with finalizers of its own. */
const GONE_TIMEOUT_MS = 10 * 60_000;

/** One step of a cluster's deletion, after quorum reads have shown that it is still asked for. Nothing is remembered between steps. */
export async function deleteCluster(event: Event, deps: Deps): Promise<Outcome> {
  const step = deleteStep(event);
  const { object } = event;
  if (step.kind === "none") return done();
  if (step.kind === "waiting") return tell(event, deps, step);
  const stop = await confirmed(event, deps);
  if (stop !== undefined) return stop;
  if (step.kind === "abandoned") return abandon(event, deps);
  const harvester = await deps.harvester(object.spec.identitySecret);
  switch (step.kind) {
    case "removeCredentials":
      return takeBackCredentials(event, deps, step.mark);
    case "deleteBalancer":
    case "deleteService": {
      const [type, seen] =
        step.kind === "deleteBalancer" ? [loadBalancers, step.balancer] : [services, step.service];
      const { namespace, name, uid } = seen.meta;
      await harvester.delete(type, { namespace, name }, { uid });
      announce(
        event,
        deps,
        `${type.kind}Deleting`,
        `deletion of ${type.kind} ${loadBalancerHolder(object)} is asked for`,
      );
      return goneOf(type, seen);
    }
    case "releaseAddress": {
      const id = loadBalancerHolder(object);
      const entries = step.pool.summary.addressesOf(id).map((address) => ({ address, id }));
      await releaseEntries(harvester, step.pool, entries);
      announce(
        event,
        deps,
        "LoadBalancerIPReleased",
        `the load balancer's address is given back to IPPool ${step.pool.meta.name}`,
      );
      return requeueAfter(0, "an address was given back");
    }
    case "deletePool":
      return deletePool(event, deps, step.pool);
    case "finish":
      await letGo(deps, object);
      announce(event, deps, "ClusterDeleted", `nothing of the cluster is left on Harvester`);
      return done();
  }
}

/** Its deletion was asked for: the next step is due when it has changed, or is gone already. */
function goneOf(type: ResourceType, seen: { readonly meta: SeenMeta }): Outcome {
  const reason = `${type.kind} ${seen.meta.name} is being deleted`;
  return waitFor([change(type, seen)], { timeoutMs: GONE_TIMEOUT_MS, reason });
}

/** Harvester refuses to delete a pool whose addresses are held. Those of our machines that no longer are, nor their VMs, are given back first. */
async function deletePool(event: Event, deps: Deps, pool: Seen<IpPool>): Promise<Outcome> {
  const harvester = await deps.harvester(event.object.spec.identitySecret);
  const { left, held } = await leftEntries(event, deps, pool);
  if (left.length > 0) {
    await releaseEntries(harvester, pool, left);
    return requeueAfter(0, "addresses were given back");
  }
  const { name, uid } = pool.meta;
  if (held.length === 0) {
    try {
      await harvester.delete(ipPools, { name }, { uid });
      announce(event, deps, "IPPoolDeleted", `IPPool ${name}, made for the cluster, is deleted`);
      return goneOf(ipPools, pool);
    } catch (error) {
      if (!isKubeError(error, "forbidden", "invalid")) throw error;
    }
  }
  const holders =
    held.length === 0 ? "Harvester refuses its deletion" : `addresses are held by ${some(held)}`;
  const message = `IPPool ${name}, made for the cluster, is in use: ${holders}`;
  await tell(event, deps, { reason: clusterReasons.WaitingForIPPoolRelease, message });
  return waitFor([change(ipPools, pool)], { timeoutMs: POOL_TIMEOUT_MS, reason: message });
}

async function tell({ object }: Event, deps: Deps, { reason, message }: Waiting): Promise<Outcome> {
  await reportOnCluster(object, deps, [
    { type: clusterConditions.Deleting, status: "True", reason, message },
  ]);
  return done();
}

/**
 * Lets the object go without touching Harvester, because a person said by annotation, with a reason, that it will not come back. A Warning Event
 * names what may be left there. Pausing and `clusterctl move` still hold.
 */
async function abandon({ object }: Event, deps: Deps): Promise<Outcome> {
  const name = loadBalancerHolder(object);
  const { loadBalancerConfig, vmNetworkConfig } = object.spec;
  const left = [
    ...(object.metadata.annotations[ENDPOINT_ANNOTATION] === undefined
      ? []
      : [`LoadBalancer and Service ${name}`]),
    ...(loadBalancerConfig.ipamType === "pool" ? [`an address held as ${name}`] : []),
    ...(loadBalancerConfig.ipPool === undefined ? [] : [`IPPool ${loadBalancerPoolName(object)}`]),
    ...(vmNetworkConfig?.ipPool === undefined ? [] : [`IPPool ${vmPoolName(object)}`]),
    ...(readCloudMark(object) === undefined
      ? []
      : [
          `ServiceAccount ${object.spec.targetNamespace}/${cloudAccountName(object)}`,
          `ClusterRoleBinding ${cloudBindingName(object)}`,
        ]),
  ];
  const what = left.length === 0 ? "nothing that is known" : left.join("; ");
  deps.announce(
    { type: harvesterClusters, meta: object.meta },
    {
      type: "Warning",
      reason: "ExternalObjectsAbandoned",
      message: `given up without a look at Harvester (${abandonReason(object) ?? ""}); may be left there: ${what}`,
    },
  );
  await letGo(deps, object);
  return done();
}

function announce({ object }: Event, deps: Deps, reason: string, message: string): void {
  deps.announce({ type: harvesterClusters, meta: object.meta }, { type: "Normal", reason, message });
}
