import { machineClaimFinalizer } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { change, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { letGoOfClaim, ownClaims } from "#functions/harvester/machine-claims.ts";
import type { HarvesterScope } from "#functions/harvester/machine-scope.ts";
import { confirmVmGone } from "#functions/harvester/vm-gone.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { IpAddressClaim } from "#platform/cluster-api/ipam.ts";
import { harvesterMachines, ipAddressClaims } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

const PROVIDER_TIMEOUT_MS = 10 * 60_000;

/**
 * Deletes the machine's claims, once the VM answers 404, and waits until their providers have let them go: until then the machine is not gone
 * (Cluster API contract, IPAM provider: infrastructure provider).
 */
export async function withdrawAddresses(
  event: StepEvent<HarvesterMachineBody, HarvesterScope>,
  deps: Deps,
): Promise<Outcome> {
  const { object, related } = event;
  const claims = ownClaims(object, related);
  const held = claims.filter((claim) => !isWithdrawn(claim));
  if (held.length > 0) {
    const stop = await confirmVmGone(event, deps);
    if (stop !== undefined) return stop;
    for (const claim of held) {
      const { namespace, name, uid } = claim.meta;
      await letGoOfClaim(deps, claim);
      await deps.management.delete(ipAddressClaims, { namespace, name }, { uid });
      deps.announce(
        { type: harvesterMachines, meta: object.meta },
        { type: "Normal", reason: "AddressWithdrawn", message: `IPAddressClaim ${name} is withdrawn` },
      );
    }
  }
  return waitFor(
    claims.map((claim) => change(ipAddressClaims, claim)),
    { timeoutMs: PROVIDER_TIMEOUT_MS, reason: "IPAM providers have not let go of the machine's claims yet" },
  );
}

/** What is left is for the provider to do. */
function isWithdrawn({ meta, metadata }: Seen<IpAddressClaim>): boolean {
  return meta.deletionTimestamp !== undefined && !metadata.finalizers.includes(machineClaimFinalizer);
}
