import * as z from "zod";
import type { KubeObject } from "#platform/kube/resource.ts";
import { all, type Invariant } from "#test/chaos/moment.ts";

const requestSchema = z.looseObject({
  status: z
    .looseObject({
      phase: z.string().default(""),
      steps: z
        .array(
          z.looseObject({
            name: z.string(),
            attempt: z.number(),
            state: z.string(),
            uid: z.string().optional(),
          }),
        )
        .default([]),
    })
    .prefault({}),
});

const FINAL: readonly string[] = ["Succeeded", "Escalated", "Closed", "Planned"];

/** Where a remediation is. */
export function readRequest(object: Partial<KubeObject>): z.infer<typeof requestSchema>["status"] {
  return requestSchema.parse(object).status;
}

const eachStepOnce: Invariant = ({ observation }) => {
  if (observation.resource !== "remediationrequests") return undefined;
  const taken = readRequest(observation.object)
    .steps.filter(({ state }) => state !== "Skipped")
    .map(({ name, attempt }) => `${name} ${attempt}`);
  const twice = taken.find((step, index) => taken.indexOf(step) < index);
  return twice === undefined ? undefined : `step ${twice} of ${observation.key} was taken twice`;
};

const recordsStay: Invariant = ({ before, observation }) => {
  if (observation.resource !== "remediationrequests" || before === undefined || observation.gone)
    return undefined;
  const [was, is] = [readRequest(before), readRequest(observation.object)];
  if (is.steps.length < was.steps.length) return `${observation.key} forgot a step`;
  return FINAL.includes(was.phase) && is.phase !== was.phase
    ? `${observation.key} was ${was.phase} for good and became ${is.phase}`
    : undefined;
};

/** An instance is stopped by a step that names it, or because its VM goes. */
const stoppedByAStep: Invariant = ({ now, before, observation }) => {
  const { resource, object, gone } = observation;
  if (resource !== "virtualmachineinstances") return undefined;
  const stops = gone || object.metadata.deletionTimestamp !== undefined;
  if (!stops || before?.metadata.deletionTimestamp !== undefined) return undefined;
  const vm = all(now, "H virtualmachines").find(({ metadata }) => metadata.name === object.metadata.name);
  if (vm === undefined || vm.metadata.deletionTimestamp !== undefined) return undefined;
  const named = all(now, "M remediationrequests")
    .flatMap((request) => readRequest(request).steps)
    .some(({ uid }) => uid === object.metadata.uid);
  return named ? undefined : `instance ${object.metadata.name} was stopped, and no step names it`;
};

/** What must hold of remediations. */
export const remediationInvariants: readonly Invariant[] = [eachStepOnce, recordsStay, stoppedByAStep];
