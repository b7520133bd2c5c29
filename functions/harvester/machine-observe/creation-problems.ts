import { claimConditions, machineConditions, machineReasons } from "#api/condition-names.ts";
import type { Finding } from "#functions/harvester/machine-observe/finding.ts";
import { isKnown, type ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";
import { effectiveNetwork } from "#functions/harvester/network-config.ts";
import { claimedAddresses, claimRef, ownClaims } from "#functions/harvester/machine-claims.ts";
import { judgePools, whyNoAddress } from "#functions/harvester/pool-candidates.ts";
import { ownEntries } from "#functions/harvester/pool-entries.ts";
import {
  bootstrapRef,
  missingBootstrapData,
  missingOnHarvester,
} from "#functions/harvester/vm-ingredients.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";

/**
 * Why the machine, about to be created, cannot be. Nothing is said when all is there: what else stops the creating step is for that step to
 * tell, in the same condition. `soon`: what usually follows in a moment is told from then on.
 */
export function creationProblems(view: ObservedMachine, soon: Date): readonly Finding[] {
  // What a VM needs is not looked at while another owner's has its name.
  if (view.related.vm !== undefined) return [];
  return [...addressProblem(view), ...claimProblem(view, soon), ...ingredientProblem(view, soon)];
}

/** Why it gets no address from any of its pools; empty when one has a free one, or none is needed. */
function addressProblem(view: ObservedMachine): readonly Finding[] {
  const { object, related } = view;
  const network = effectiveNetwork(object, related.harvesterCluster);
  if (network.kind !== "pool" || !isKnown(view, "pools") || !isKnown(view, "heldIn")) return [];
  if (ownEntries(object, related.heldIn).length > 0) return [];
  const { networks } = object.spec;
  const problem = whyNoAddress(judgePools(network.pools, related.pools, networks), networks);
  if (problem === undefined) return [];
  const { reason, message } = problem;
  return [
    { type: machineConditions.VMIPAllocated, statement: { status: "False", reason, message }, urgent: true },
  ];
}

/** Which of its claims have no address yet. That there are none yet, and why, is for the step that makes them to tell. */
function claimProblem(view: ObservedMachine, soon: Date): readonly Finding[] {
  const { object, related } = view;
  const network = effectiveNetwork(object, related.harvesterCluster);
  if (network.kind !== "ipam" || !isKnown(view, "claims") || !isKnown(view, "claimed")) return [];
  const names = network.pools.map((_, index) => claimRef(object, index).name);
  const claims = ownClaims(object, related).filter(({ meta }) => names.includes(meta.name));
  if (claims.length < names.length || claimedAddresses(object, network, related) !== undefined) return [];
  const waiting = claims.filter(
    ({ status }) => !related.claimed.some(({ meta }) => meta.name === status.addressRef?.name),
  );
  const message = waiting.map(({ meta, spec, status }) => {
    const reason = findCondition(status.conditions, claimConditions.Ready)?.reason;
    const said = reason === undefined ? "" : ` (${reason})`;
    return `${spec.poolRef.kind} ${spec.poolRef.name} has given no address for IPAddressClaim ${meta.name} yet${said}`;
  });
  if (message.length === 0) return [];
  const statement = {
    status: "False" as const,
    reason: machineReasons.WaitingForIPAddress,
    message: message.join("; "),
  };
  return [{ type: machineConditions.VMIPAllocated, later: { statement, from: soon }, urgent: false }];
}

/** What its VM cannot be made without and is not there. */
function ingredientProblem(view: ObservedMachine, soon: Date): readonly Finding[] {
  const { object, related } = view;
  const isHarvesterKnown = isKnown(view, "images") && isKnown(view, "keyPair");
  const onHarvester = isHarvesterKnown ? missingOnHarvester(view) : [];
  const ref = bootstrapRef(object, related);
  const isBootstrapMissing = isKnown(view, "bootstrap") && related.bootstrap === undefined;
  const bootstrap =
    ref !== undefined && isBootstrapMissing ? [missingBootstrapData(ref, related.bootstrap)] : [];
  const missing = [...onHarvester, ...bootstrap];
  if (missing.length === 0) return [];
  const statement = {
    status: "False" as const,
    reason: machineReasons.VMProvisioningFailed,
    message: missing.map(({ message }) => message).join("; "),
  };
  const { VMProvisioningReady: type } = machineConditions;
  return onHarvester.length > 0
    ? [{ type, statement, urgent: true }]
    : [{ type, later: { statement, from: soon }, urgent: false }];
}
