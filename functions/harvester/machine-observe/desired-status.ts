import type { Condition } from "#api/condition.ts";
import { machineConditions, readyReasons } from "#api/condition-names.ts";
import type { HarvesterMachineStatus } from "#api/harvester-machine.ts";
import type { Need } from "#functions/contract/function.ts";
import {
  dueDate,
  dueStatement,
  type DueStatement,
  type Finding,
  type StatusFields,
} from "#functions/harvester/machine-observe/finding.ts";
import { lifecycle } from "#functions/harvester/machine-observe/lifecycle.ts";
import { machineReport, type MachineReport } from "#functions/harvester/machine-observe/machine-report.ts";
import { missingMarks } from "#functions/harvester/machine-observe/missing-marks.ts";
import type { ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";
import { findCondition, mergeConditions } from "#platform/cluster-api/conditions.ts";

/** What is to be written into the status: only what differs, `conditions` whole, because a merge patch replaces a list. */
export type StatusChange = StatusFields & { readonly conditions?: Condition[] };

/** False: status and marks are as they should be. A Date: they will be wrong from then on if nothing else happens. */
export function needsObservation(view: ObservedMachine): Need {
  if (missingMarks(view, lifecycle(view)) !== undefined) return true;
  // Before any time has passed: what is due by time alone is told by its date.
  const report = machineReport(view);
  if (changeBy(report, view, new Date(0)) !== undefined) return true;
  const { meta, status } = view.object;
  const dates = report.findings
    .map((finding) => dueDate(finding, status.conditions, meta.generation))
    .filter((date) => date !== undefined);
  return dates.length === 0 ? false : new Date(Math.min(...dates.map((date) => date.getTime())));
}

/** What is to be written now; undefined when nothing is worth a write. */
export function statusChange(view: ObservedMachine, now: Date): StatusChange | undefined {
  return changeBy(machineReport(view), view, now);
}

function changeBy(report: MachineReport, { object }: ObservedMachine, now: Date): StatusChange | undefined {
  const { status, meta } = object;
  const at = { now, generation: meta.generation };
  const due = report.findings
    .map((finding) => dueStatement(finding, status.conditions, at))
    .filter((statement) => statement !== undefined);
  const fields = differing(report.fields, status);
  const summaryWith = (statements: readonly DueStatement[]): DueStatement | undefined => {
    if (!report.summary) return undefined;
    const conditions = mergeConditions(
      status.conditions,
      statements.map(({ condition }) => condition),
      now,
    );
    return dueStatement(summaryOf(conditions, fields.ready ?? status.ready === true), status.conditions, at);
  };
  const pressing = due.filter(({ urgent }) => urgent);
  // The summary of what is written anyway is no reason of its own.
  const missing = report.urgent && (Object.keys(fields).length > 0 || summaryWith(pressing) !== undefined);
  if (pressing.length === 0 && !missing) return undefined;
  const summary = summaryWith(due);
  const wanted = [...due, ...(summary === undefined ? [] : [summary])].map(({ condition }) => condition);
  return {
    ...fields,
    ...(wanted.length > 0 && { conditions: mergeConditions(status.conditions, wanted, now) }),
  };
}

/** `Ready` as Cluster API mirrors it to the Machine: True, or the first reason why not. */
function summaryOf(conditions: readonly Condition[], ready: boolean): Finding {
  const { Ready, Deleting } = machineConditions;
  const deleting = findCondition(conditions, Deleting);
  const problem = telling
    .map((type) => findCondition(conditions, type))
    .find((condition) => condition !== undefined && condition.status !== "True" && condition.message !== "");
  const notReady = (reason: string, message = ""): Finding => ({
    type: Ready,
    statement: { status: "False", reason, message },
    urgent: false,
  });
  if (deleting?.status === "True") return notReady(readyReasons.Deleting, deleting.message);
  if (!ready) return notReady(readyReasons.NotReady, problem?.message);
  return {
    type: Ready,
    statement: { status: "True", reason: readyReasons.Ready, message: "" },
    urgent: false,
  };
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
