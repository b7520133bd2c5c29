import { machineConditions, machineReasons, pausedReasons } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import type { ClosedGate } from "#functions/harvester/gates.ts";
import { hasIp, machineAddresses } from "#functions/harvester/machine-observe/addresses.ts";
import { allocation } from "#functions/harvester/machine-observe/allocation.ts";
import { creationProblems } from "#functions/harvester/machine-observe/creation-problems.ts";
import { deletionConditions } from "#functions/harvester/machine-observe/deletion-conditions.ts";
import { diagnosed } from "#functions/harvester/machine-observe/diagnosis.ts";
import type { Finding, Statement, StatusFields } from "#functions/harvester/machine-observe/finding.ts";
import { lifecycle, type Lifecycle } from "#functions/harvester/machine-observe/lifecycle.ts";
import type { ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";
import {
  bootConditions,
  created,
  lost,
  runConditions,
} from "#functions/harvester/machine-observe/vm-conditions.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";

/** What the status should be, without the `Ready` summary, which follows from the rest. */
export interface MachineReport {
  readonly findings: readonly Finding[];
  readonly fields: StatusFields;
  /** Whether a changed field or summary is worth a write of its own. */
  readonly urgent: boolean;
  /** `Ready` is part of the report. */
  readonly summary: boolean;
}

/** Waiting that usually lasts a moment is not reported at once. */
const WAITING_AFTER_MS = 2_000;

/** Projects the world into the machine's status. Pure; the current status counts only where the world has no memory of its own. */
export function machineReport(view: ObservedMachine): MachineReport {
  const life = lifecycle(view);
  if (life.phase === "untouched") return { findings: [], fields: {}, urgent: false, summary: false };
  const report = reportOf(view, life);
  return { ...report, findings: [...report.findings, ...lookedAt(view)] };
}

function reportOf(view: ObservedMachine, life: Exclude<Lifecycle, { phase: "untouched" }>): MachineReport {
  const quiet = { fields: {}, urgent: false, summary: false };
  switch (life.phase) {
    case "paused":
      return { ...quiet, findings: [paused(life.gate)] };
    case "unknown":
      return { ...quiet, findings: [notPaused(view)] };
    case "deleting":
      return { ...quiet, findings: deletionConditions(view), summary: true };
    case "waiting":
      return { ...quiet, findings: [notPaused(view), waiting(view, life.gate)], summary: true };
    case "creating":
      return creating(view);
    case "lost":
      return { findings: [notPaused(view), ...lost], fields: { ready: false }, urgent: true, summary: true };
    case "present":
      return present(view, life);
  }
}

/** While all goes well nothing is written: the VM is there in a moment, and its own report tells all of this. */
function creating(view: ObservedMachine): MachineReport {
  const provisioning = findCondition(view.object.status.conditions, machineConditions.VMProvisioningReady);
  const problems = creationProblems(view, soon(view));
  const stuck = provisioning?.status === "False" || problems.some(({ urgent }) => urgent);
  const { findings, fields } = allocation(view);
  const { connection } = view.related;
  const unreachable: Statement = {
    status: "Unknown",
    reason: machineReasons.HarvesterUnreachable,
    message: connection?.message ?? "there is no connection to Harvester",
  };
  const infrastructure: Finding = {
    ...infrastructureReady,
    urgent: stuck,
    later: connection?.state === "failed" ? { statement: unreachable, from: soon(view) } : undefined,
  };
  return {
    findings: [
      notPaused(view),
      infrastructure,
      ...findings.map((finding) => ({ ...finding, urgent: stuck })),
      ...problems,
    ],
    fields: { ...fields, ...failureDomain(view) },
    urgent: stuck,
    summary: true,
  };
}

function present(view: ObservedMachine, life: Extract<Lifecycle, { phase: "present" }>): MachineReport {
  const { object, related } = view;
  const { status } = object;
  const current = status.addresses ?? [];
  const endpoint = related.harvesterCluster?.spec.controlPlaneEndpoint?.host;
  const { address, findings, fields } = allocation(view);
  const addresses = life.running
    ? machineAddresses({
        name: object.meta.name,
        current,
        continuous: status.ready === true,
        static: address,
        vmi: related.vmi,
        foreign: endpoint === undefined ? [] : [endpoint],
      })
    : undefined;
  const ready = life.running && hasIp(addresses ?? current);
  const provisioned = ready || status.initialization?.provisioned === true;
  return {
    findings: [
      notPaused(view),
      infrastructureReady,
      ...findings,
      created,
      ...(provisioned ? runConditions(life) : bootConditions(view, life)),
      ...diagnosed(view, { provisioned }),
    ],
    fields: {
      ...fields,
      ...failureDomain(view),
      ready,
      ...(addresses !== undefined && { addresses: [...addresses] }),
      // Never false again: what was provisioned once stays so, whatever becomes of it (Cluster API, InfraMachine: initialization).
      ...(provisioned && { initialization: { provisioned: true } }),
    },
    urgent: true,
    summary: true,
  };
}

const infrastructureReady: Finding = {
  type: machineConditions.InfrastructureReady,
  statement: { status: "True", reason: machineReasons.InfrastructureReady, message: "" },
  urgent: true,
};

function waiting(view: ObservedMachine, { reason, message }: ClosedGate): Finding {
  return {
    type: machineConditions.InfrastructureReady,
    later: { statement: { status: "False", reason, message }, from: soon(view) },
    urgent: false,
  };
}

function paused({ reason, message }: ClosedGate): Finding {
  return { type: machineConditions.Paused, statement: { status: "True", reason, message }, urgent: true };
}

function notPaused({ object }: ObservedMachine): Finding {
  const { Paused } = machineConditions;
  const statement: Statement = { status: "False", reason: pausedReasons.NotPaused, message: "" };
  return {
    type: Paused,
    statement,
    urgent: findCondition(object.status.conditions, Paused)?.status === "True",
  };
}

/** The answer to whoever asked for a look. */
function lookedAt({ object }: ObservedMachine): readonly Finding[] {
  const token = object.metadata.annotations[lookAtAnnotation];
  const statement: Statement = { status: "True", reason: machineReasons.LookedAt, message: token ?? "" };
  return token === undefined ? [] : [{ type: machineConditions.LookedAt, statement, urgent: true }];
}

/** The Machine's wins over the machine's own. */
function failureDomain({ object, related }: ObservedMachine): StatusFields {
  const domain = [related.machine?.spec.failureDomain, object.spec.failureDomain].find(
    (name) => name !== undefined && name !== "",
  );
  return domain === undefined ? {} : { failureDomain: domain };
}

function soon({ object }: ObservedMachine): Date {
  return new Date(Date.parse(object.meta.creationTimestamp ?? new Date(0).toISOString()) + WAITING_AFTER_MS);
}
