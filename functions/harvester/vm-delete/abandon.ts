import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { change, done, type Outcome } from "#functions/contract/outcome.ts";
import { contractStop, stopped } from "#functions/harvester/deletion-guard.ts";
import type { HarvesterScope } from "#functions/harvester/machine-scope.ts";
import { abandonReason } from "#functions/harvester/deletion-step.ts";
import { removeFinalizers } from "#functions/harvester/finalizer.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { claimRefs, letGoOfClaim, ownClaims, readClaims } from "#functions/harvester/machine-claims.ts";
import { onHarvester } from "#functions/harvester/machine-scope.ts";
import { ownEntries } from "#functions/harvester/pool-entries.ts";
import { clusterView } from "#platform/cluster-api/cluster.ts";
import { harvesterMachineView, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";

type Event = StepEvent<HarvesterMachineBody, HarvesterScope>;

/**
 * Lets a deleted machine go without touching Harvester, because a person said by annotation, with a reason, that it will not come back. A Warning
 * Event names what may be left there. Pausing and `clusterctl move` still hold.
 */
export async function abandonMachine(event: Event, deps: Deps): Promise<Outcome> {
  const fresh = await freshLook(deps.management, harvesterMachineView, event.object.meta);
  if (fresh === undefined) return done();
  const reason = abandonReason(fresh);
  if (
    fresh.meta.uid !== event.object.meta.uid ||
    fresh.meta.deletionTimestamp === undefined ||
    reason === undefined
  ) {
    return stopped({
      reason: "NotAbandoned",
      message: "the machine is not, or no longer, one that is deleted and given up",
      targets: [change(harvesterMachines, event.object)],
    });
  }
  const seen = event.related.cluster?.meta;
  const cluster = seen && (await freshLook(deps.management, clusterView, seen));
  const stop = contractStop({ object: fresh, related: { ...event.related, cluster } });
  if (stop !== undefined) return stopped(stop);
  deps.announce(
    { type: harvesterMachines, meta: fresh.meta },
    {
      type: "Warning",
      reason: "ExternalObjectsAbandoned",
      message: `given up without a look at Harvester (${reason}); may be left there: ${leftBehind(event)}`,
    },
  );
  const claims = await readClaims(deps, claimRefs(fresh, event.related.harvesterCluster));
  for (const claim of ownClaims(fresh, { claims: claims ?? [] })) await letGoOfClaim(deps, claim);
  await removeFinalizers(deps, fresh);
  return done();
}

function leftBehind({ object, related }: Event): string {
  const { name } = object.meta;
  const namespace = onHarvester(object, related.harvesterCluster)?.namespace;
  const where = namespace === undefined ? "in the target namespace" : `in namespace ${namespace}`;
  const { allocatedIPAddress, allocatedPoolRef } = object.status;
  const known = ownEntries(object, related.heldIn);
  const addresses =
    known.length > 0 || allocatedIPAddress === undefined
      ? known
      : [{ address: allocatedIPAddress, pool: allocatedPoolRef ?? "of its configuration" }];
  return [
    `VM ${name}, its disks ${name}-disk-* and Secret ${name}-cloud-init ${where}`,
    ...addresses.map(({ address, pool }) => `address ${address} in IPPool ${pool}`),
  ].join("; ");
}
