import { machineReasons } from "#api/condition-names.ts";
import { claimsAnnotation } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { change, done, failed, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { claimManifest } from "#functions/harvester/address-claim/manifest.ts";
import { planClaims, poolsToClaim, type ClaimingView } from "#functions/harvester/address-claim/plan.ts";
import { ensureFinalizer } from "#functions/harvester/finalizer.ts";
import { freshLook, seenAs } from "#functions/harvester/fresh-look.ts";
import {
  claimRefs,
  isOwnClaim,
  letGoOfClaim,
  notedClaims,
  readClaims,
} from "#functions/harvester/machine-claims.ts";
import { onHarvester } from "#functions/harvester/machine-scope.ts";
import { ipAddressClaimView, type IpAddressClaim } from "#platform/cluster-api/ipam.ts";
import { virtualMachineView } from "#platform/harvester/virtual-machine.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { harvesterMachines, ipAddressClaims, virtualMachines } from "#platform/kube/resources.ts";
import { MANAGEMENT, type Seen } from "#platform/kube/view.ts";

/** A provider that is not there gives nothing back; after this time the step looks again by itself, ms. */
const WITHDRAWAL_TIMEOUT_MS = 10 * 60_000;

/**
 * Makes an IPAddressClaim for each pool of an IPAM provider that the machine has none for (Cluster API contract, IPAM provider: infrastructure
 * provider). Names follow from the machine and how many there are is noted on it before the first is made, so a repetition finds them and a
 * deletion forgets none. Who waits for the addresses is the step that makes the VM.
 */
export async function claimAddresses(event: ClaimingView, deps: Deps): Promise<Outcome> {
  const view = await withClaims(event, deps);
  const count = poolsToClaim(event).length;
  if (count === 0) return done();
  if (view === undefined) {
    return failed(
      machineReasons.IPAMNotInstalled,
      "the management cluster has no ipaddressclaims of ipam.cluster.x-k8s.io/v1beta2; install their CustomResourceDefinitions, which come with Cluster API, or leave out ipamNetworkConfig",
    );
  }
  const { make, withdraw, foreign } = planClaims(view);
  const [taken] = foreign;
  if (taken !== undefined) return nameTaken(taken);
  if (withdraw.length > 0) return withdrawFirst(view, withdraw, deps);
  const { object, related } = view;
  const noted = String(Math.max(count, notedClaims(object)));
  await ensureFinalizer(deps, object, { [claimsAnnotation]: noted });
  for (const { index, pool } of make) {
    const manifest = claimManifest(object, { index, pool, clusterName: related.cluster?.meta.name });
    const found = await createClaim(manifest, deps);
    if (found !== undefined && !isOwnClaim(found, object)) return nameTaken(found);
    if (found !== undefined) continue;
    deps.announce(
      { type: harvesterMachines, meta: object.meta },
      {
        type: "Normal",
        reason: "AddressClaimed",
        message: `IPAddressClaim ${manifest.metadata.name} asks ${pool.kind} ${pool.name} for an address`,
      },
    );
  }
  return done();
}

/** The view with the claims read anew where the index does not show them; undefined when there are no such objects at all. */
async function withClaims(event: ClaimingView, deps: Deps): Promise<ClaimingView | undefined> {
  if (!event.unknown.includes("claims")) return event;
  const claims = await readClaims(deps, claimRefs(event.object, event.related.harvesterCluster));
  return claims && { ...event, related: { ...event.related, claims } };
}

/** Creates the claim; the one that is there when there is one. */
async function createClaim(manifest: NewObject, deps: Deps): Promise<Seen<IpAddressClaim> | undefined> {
  try {
    await deps.management.create(ipAddressClaims, manifest);
    return undefined;
  } catch (error) {
    if (!isKubeError(error, "alreadyExists")) throw error;
    const found = await deps.management.get(ipAddressClaims, manifest.metadata);
    if (found === undefined) throw error;
    return seenAs(ipAddressClaimView, found, MANAGEMENT);
  }
}

/** No VM uses their addresses: none is there, and none has ever been. */
async function withdrawFirst(
  { object, related }: ClaimingView,
  claims: readonly Seen<IpAddressClaim>[],
  deps: Deps,
): Promise<Outcome> {
  const at = onHarvester(object, related.harvesterCluster);
  const identity = related.harvesterCluster?.spec.identitySecret;
  if (at === undefined || identity === undefined) return done();
  const vm = await freshLook(await deps.harvester(identity), virtualMachineView, at);
  if (vm !== undefined) {
    const reason = "a VM of the machine's name exists; its addresses stay claimed";
    return waitFor([change(virtualMachines, vm)], { timeoutMs: WITHDRAWAL_TIMEOUT_MS, reason });
  }
  for (const claim of claims) {
    const { namespace, name, uid, deletionTimestamp } = claim.meta;
    await letGoOfClaim(deps, claim);
    if (deletionTimestamp === undefined)
      await deps.management.delete(ipAddressClaims, { namespace, name }, { uid });
  }
  return waitFor(
    claims.map((claim) => change(ipAddressClaims, claim)),
    {
      timeoutMs: WITHDRAWAL_TIMEOUT_MS,
      reason: "an IPAddressClaim is being deleted; another is made when it is gone",
    },
  );
}

function nameTaken({ meta }: Seen<IpAddressClaim>): Outcome {
  return failed(
    machineReasons.IPAddressClaimTaken,
    `IPAddressClaim ${meta.namespace ?? ""}/${meta.name} exists and belongs to somebody else; delete it, or rename the machine`,
  );
}
