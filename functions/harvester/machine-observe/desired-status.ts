import type { Condition } from "#api/condition.ts";
import { machineConditions, readyReasons } from "#api/condition-names.ts";
import type { HarvesterMachineStatus } from "#api/harvester-machine.ts";
import type { Need } from "#functions/contract/function.ts";
import {
  dueDate,
  dueStatement,
  type Finding,
  type StatusFields,
} from "#functions/harvester/machine-observe/finding.ts";
import { lifecycle } from "#functions/harvester/machine-observe/lifecycle.ts";
import { machineReport } from "#functions/harvester/machine-observe/machine-report.ts";
import type { ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";
import { missingProviderId } from "#functions/harvester/machine-observe/provider-id.ts";
import { findCondition, mergeConditions, sameConditions } from "#platform/cluster-api/conditions.ts";

/** What is to be written into the status: only what differs, `conditions` whole, because a merge patch replaces a list. */
export type StatusChange = StatusFields & { readonly conditions?: Condition[] };

/** False: status and providerID are as they should be. A Date: they will be wrong from then on if nothing else happens. */
export function needsObservation(view: ObservedMachine): Need {
  if (missingProviderId(view, lifecycle(view)) !== undefined) return true;
  // Before any time has passed: what is due by time alone is told by its date.
  if (statusChange(view, new Date(0)) !== undefined) return true;
  const { meta, status } = view.object;
  const dates = machineReport(view)
    .findings.map((finding) => dueDate(finding, status.conditions, meta.generation))
    .filter((date) => date !== undefined);
  return dates.length === 0 ? false : new Date(Math.min(...dates.map((date) => date.getTime())));
}

/** What is to be written now; undefined when nothing is worth a write. */
export function statusChange(view: ObservedMachine, now: Date): StatusChange | undefined {
  const { status, meta } = view.object;
  const report = machineReport(view);
  const at = { now, generation: meta.generation };
  const due = report.findings
    .map((finding) => dueStatement(finding, status.conditions, at))
    .filter((statement) => statement !== undefined);
  const fields = differing(report.fields, status);
  const wanted = due.map(({ condition }) => condition);
  const others = mergeConditions(status.conditions, wanted, now);
  const ready = fields.ready ?? status.ready === true;
  const summary = report.summary
    ? dueStatement(summaryOf(others, ready, report.urgent), status.conditions, at)
    : undefined;
  const urgent =
    due.some((statement) => statement.urgent) ||
    (report.urgent && (Object.keys(fields).length > 0 || summary !== undefined));
  if (!urgent) return undefined;
  const conditions = summary === undefined ? wanted : [...wanted, summary.condition];
  return {
    ...fields,
    ...(!sameConditions(status.conditions, conditions) && {
      conditions: mergeConditions(status.conditions, conditions, now),
    }),
  };
}

/** `Ready` as Cluster API mirrors it to the Machine: True, or the first reason why not. */
function summaryOf(conditions: readonly Condition[], ready: boolean, urgent: boolean): Finding {
  const { Ready, Deleting } = machineConditions;
  const deleting = findCondition(conditions, Deleting);
  const problem = telling
    .map((type) => findCondition(conditions, type))
    .find((condition) => condition !== undefined && condition.status !== "True" && condition.message !== "");
  const notReady = (reason: string, message = ""): Finding => ({
    type: Ready,
    statement: { status: "False", reason, message },
    urgent,
  });
  if (deleting?.status === "True") return notReady(readyReasons.Deleting, deleting.message);
  if (!ready) return notReady(readyReasons.NotReady, problem?.message);
  return { type: Ready, statement: { status: "True", reason: readyReasons.Ready, message: "" }, urgent };
}

/** Conditions that tell why a machine is not ready, the one that holds up the others first. */
const telling = [
  machineConditions.InfrastructureReady,
  machineConditions.VMIPAllocated,
  machineConditions.MachineCreated,
  machineConditions.VMProvisioningReady,
  machineConditions.VMRunning,
];

function differing(wanted: StatusFields, current: HarvesterMachineStatus): StatusFields {
  return {
    ...(wanted.ready !== undefined && wanted.ready !== (current.ready ?? false) && { ready: wanted.ready }),
    ...(wanted.initialization?.provisioned === true &&
      current.initialization?.provisioned !== true && { initialization: { provisioned: true } }),
    ...(wanted.addresses !== undefined && { addresses: wanted.addresses }),
    ...differingText("allocatedIPAddress", wanted, current),
    ...differingText("allocatedPoolRef", wanted, current),
    ...differingText("failureDomain", wanted, current),
  };
}

function differingText(
  field: "allocatedIPAddress" | "allocatedPoolRef" | "failureDomain",
  wanted: StatusFields,
  current: HarvesterMachineStatus,
): StatusFields {
  const value = wanted[field];
  return value === undefined || value === current[field] ? {} : { [field]: value };
}
