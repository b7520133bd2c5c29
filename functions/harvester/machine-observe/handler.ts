import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import { announcements } from "#functions/harvester/machine-observe/announcements.ts";
import { needsObservation, statusChange } from "#functions/harvester/machine-observe/desired-status.ts";
import { lifecycle } from "#functions/harvester/machine-observe/lifecycle.ts";
import { missingMarks } from "#functions/harvester/machine-observe/missing-marks.ts";
import type { MachineWorld, ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";

/**
 * Writes finalizer and providerID, then the status, each under the version it was decided on.
 *
 * @throws KubeError `conflict` when the machine has changed meanwhile: the next look decides anew.
 */
export async function observeMachine(
  event: StepEvent<HarvesterMachineBody, MachineWorld>,
  deps: Deps,
): Promise<Outcome> {
  const view = await withMarks(event, deps);
  const now = deps.now();
  const change = statusChange(view, now);
  const { meta, status } = view.object;
  if (change !== undefined) {
    const patch = { metadata: { resourceVersion: meta.resourceVersion }, status: change };
    await deps.management.mergePatch(harvesterMachines, meta, patch, { subresource: "status" });
    if (change.initialization?.provisioned === true)
      measureCreation(view.object.meta.creationTimestamp, now, deps);
    for (const announcement of announcements(status, change)) {
      deps.announce({ type: harvesterMachines, meta }, announcement);
    }
  }
  const after = { ...view, object: { ...view.object, status: { ...status, ...change } } };
  const need = needsObservation(after);
  if (!(need instanceof Date)) return done();
  return requeueAfter(Math.max(0, need.getTime() - now.getTime()), "a state is reported only if it lasts");
}

/** The view as it is once the machine carries its marks: the write moves version and generation. */
async function withMarks(view: ObservedMachine, deps: Deps): Promise<ObservedMachine> {
  const { object } = view;
  const marks = missingMarks(view, lifecycle(view));
  if (marks === undefined) return view;
  const { finalizers, providerID } = marks;
  const { metadata } = await deps.management.mergePatch(harvesterMachines, object.meta, {
    metadata: {
      resourceVersion: object.meta.resourceVersion,
      ...(finalizers !== undefined && { finalizers }),
    },
    ...(providerID !== undefined && { spec: { providerID } }),
  });
  const { resourceVersion, generation } = metadata;
  return {
    ...view,
    object: {
      ...object,
      metadata: { ...object.metadata, finalizers: metadata.finalizers ?? [] },
      spec: { ...object.spec, ...(providerID !== undefined && { providerID }) },
      meta: { ...object.meta, resourceVersion, generation },
    },
  };
}

function measureCreation(creationTimestamp: string | undefined, now: Date, deps: Deps): void {
  if (creationTimestamp === undefined) return;
  deps.measureCreation(Math.max(0, (now.getTime() - Date.parse(creationTimestamp)) / 1000));
}
