import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import { announcements } from "#functions/harvester/machine-observe/announcements.ts";
import { needsObservation, statusChange } from "#functions/harvester/machine-observe/desired-status.ts";
import { lifecycle } from "#functions/harvester/machine-observe/lifecycle.ts";
import type { MachineWorld, ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";
import { missingProviderId } from "#functions/harvester/machine-observe/provider-id.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";

/**
 * Writes the providerID, then the status, each under the version it was decided on.
 *
 * @throws KubeError `conflict` when the machine has changed meanwhile: the next look decides anew.
 */
export async function observeMachine(
  event: StepEvent<HarvesterMachineBody, MachineWorld>,
  deps: Deps,
): Promise<Outcome> {
  const view = await withProviderId(event, deps);
  const now = deps.now();
  const change = statusChange(view, now);
  const { meta, status } = view.object;
  if (change !== undefined) {
    const patch = { metadata: { resourceVersion: meta.resourceVersion }, status: change };
    await deps.management.mergePatch(harvesterMachines, meta, patch, { subresource: "status" });
    for (const announcement of announcements(status, change)) {
      deps.announce({ type: harvesterMachines, meta }, announcement);
    }
  }
  const after = { ...view, object: { ...view.object, status: { ...status, ...change } } };
  const need = needsObservation(after);
  if (!(need instanceof Date)) return done();
  return requeueAfter(Math.max(0, need.getTime() - now.getTime()), "a state is reported only if it lasts");
}

/** The view as it is once the machine has its providerID: the write moves version and generation. */
async function withProviderId(view: ObservedMachine, deps: Deps): Promise<ObservedMachine> {
  const { object } = view;
  const providerID = missingProviderId(view, lifecycle(view));
  if (providerID === undefined) return view;
  const { metadata } = await deps.management.mergePatch(harvesterMachines, object.meta, {
    metadata: { resourceVersion: object.meta.resourceVersion },
    spec: { providerID },
  });
  const meta = { ...object.meta, resourceVersion: metadata.resourceVersion, generation: metadata.generation };
  return { ...view, object: { ...object, spec: { ...object.spec, providerID }, meta } };
}
